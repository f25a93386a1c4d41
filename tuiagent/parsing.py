"""What runs in the process that tuiagent.apart starts: readers of hostile bytes, by their names."""

import io
import resource
import sys
from collections.abc import Callable

PROCESSOR = 10
"""Seconds of the processor."""
MEMORY = 1 << 30
"""Bytes of address space, where the system keeps to that."""
TEXT = 1 << 20
"""Characters that are given back."""


def main() -> None:
    """Reads standard input under limits; argv has the reader's name and options behind the path."""
    name, options = sys.argv[2], sys.argv[3:]
    reader = READERS[name]
    limits = {resource.RLIMIT_CPU: PROCESSOR, resource.RLIMIT_AS: MEMORY, resource.RLIMIT_CORE: 0}
    for kind, most in limits.items():
        hard = resource.getrlimit(kind)[1]
        held = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(kind, (held, held))
        except (OSError, ValueError):
            continue  # this system cannot hold to it: the others count
    try:
        made = reader(sys.stdin.buffer.read(), *options)
    except Exception as error:  # readers raise anything
        sys.exit(f"{type(error).__name__}: {error}"[:1000])
    sys.stdout.buffer.write(made)


def pdf(data: bytes, first: str, last: str) -> bytes:
    """How many pages there are, and the text of some of them, as JSON."""
    import json  # noqa: PLC0415
    import logging  # noqa: PLC0415

    from pypdf import PdfReader  # noqa: PLC0415 - only in this process

    logging.disable()
    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        raise ValueError("it is locked with a password")
    count, texts, room = len(reader.pages), [], TEXT
    for number in range(int(first) - 1, min(int(last), count)):
        text = reader.pages[number].extract_text().strip()
        texts.append(text[:room])
        room -= len(texts[-1])
    return json.dumps({"count": count, "texts": texts}).encode("utf-8", "replace")


def image(data: bytes, side: str) -> bytes:
    """The image with no side longer than this: a photograph as JPEG, anything else as PNG."""
    from PIL import Image  # noqa: PLC0415 - only in this process

    opened = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "GIF", "WEBP"))
    photograph = opened.format == "JPEG"
    opened.draft("RGB", (int(side), int(side)))
    opened.thumbnail((int(side), int(side)))
    made = io.BytesIO()
    if photograph:
        opened.convert("RGB").save(made, "JPEG", quality=85)
    else:
        opened.convert("RGBA" if opened.has_transparency_data else "RGB").save(made, "PNG")
    return made.getvalue()


def squares(data: bytes) -> bytes:
    """The image as at most 64 by 48 squares of few colours, as JSON; see engine.picture."""
    import json  # noqa: PLC0415

    from PIL import Image  # noqa: PLC0415 - only in this process

    opened = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "GIF", "WEBP"))
    opened.draft("RGB", (128, 96))
    opened.thumbnail((64, 48))
    ground = Image.new("RGBA", opened.size, (128, 128, 128, 255))
    few = Image.alpha_composite(ground, opened.convert("RGBA")).convert("RGB").quantize(32)
    levels, (width, height) = few.getpalette() or [], few.size
    colours = [bytes(levels[n : n + 3]).hex() for n in range(0, len(levels), 3)]
    letters = "".join(chr(ord("0") + number) for number in few.tobytes())
    rows = [letters[n * width : (n + 1) * width] for n in range(height)]
    return json.dumps({"colours": [f"#{one}" for one in colours], "rows": rows}).encode()


def pixels(data: bytes, side: str) -> bytes:
    """The image's pixels in few colours as PNG, with no side longer than this."""
    from PIL import Image  # noqa: PLC0415 - only in this process

    opened = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "GIF", "WEBP"))
    opened.draft("RGB", (int(side), int(side)))
    opened.thumbnail((int(side), int(side)))
    made = io.BytesIO()
    few = opened.convert("RGBA").quantize(256, Image.Quantize.FASTOCTREE)
    few.info.clear()
    few.save(made, "PNG", optimize=True)
    return made.getvalue()


def page(data: bytes, encoding: str) -> bytes:
    """An HTML page as Markdown, without what nobody reads: scripts, styles, pictures in words."""
    from bs4 import BeautifulSoup  # noqa: PLC0415 - only in this process
    from markdownify import MarkdownConverter  # noqa: PLC0415

    soup = BeautifulSoup(data, "html.parser", from_encoding=encoding or None)
    for tag in soup(["script", "style", "noscript", "template", "svg", "iframe", "head"]):
        if tag.name == "head" and tag.title is not None and tag.title.string:
            tag.insert_after(soup.new_tag("h1", string=tag.title.string.strip()))
        tag.decompose()
    for tag in soup("img"):
        if str(tag.get("src", "")).startswith("data:"):
            tag["src"] = ""
    try:
        text = MarkdownConverter(heading_style="atx").convert_soup(soup)
    except RecursionError:
        text = soup.get_text("\n")
    lines = (line.rstrip() for line in text.splitlines())
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip()[:TEXT].encode("utf-8", "replace")


READERS: dict[str, Callable[..., bytes]] = {
    "pdf": pdf,
    "image": image,
    "squares": squares,
    "pixels": pixels,
    "page": page,
}
