"""Chips: long pastes and images, each one unit in the editor that stands for what is sent."""

import os
import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from tuiagent.clients.clean import clean
from tuiagent.kernel.media import line
from tuiagent.kernel.message import Media

LINES, LETTERS = 8, 1000
"""What a paste may have before it is folded."""
SHOWN = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf")
"""Files that the model is shown when their path is pasted, as terminals do with a drop."""
LONGEST = 4096
"""Letters of a paste that may be paths."""
GAP = "\u00a0"
"""Between a chip's words: nobody types it, so what looks like a chip is one."""
CHIP = rf"\[(?:pasted|image){GAP}[^\]\n]+\]"


class Chip(Struct, frozen=True):
    """What stands behind a label in the editor."""

    label: str
    text: str
    """What is sent in its place."""
    path: str = ""
    """The file of an image or a document that goes along."""
    kept: Media | None = None
    """One that went along before; the journal has its bytes."""

    @property
    def shown(self) -> bool:
        """Whether the model is shown something by it."""
        return bool(self.path) or self.kept is not None


Chips = dict[str, Chip]
"""By label."""


def pasted(text: str, number: int) -> Chip | None:
    """The chip for a paste; None when it is short enough to stand as it is."""
    count = text.count("\n") + (not text.endswith("\n"))
    if count <= LINES and len(text) <= LETTERS:
        return None
    size = f"{count}{GAP}lines" if count > 1 else f"{len(text)}{GAP}letters"
    return Chip(f"[pasted{GAP}{size}{GAP}#{number}]", text)


def dropped(text: str, folder: str, number: int) -> list[Chip]:
    """The chips for a paste of nothing but paths of images and PDFs; none for any other."""
    whole = image(text, folder, number)
    words: list[str] = []
    if whole is None and len(text) <= LONGEST:
        with suppress(ValueError):  # a quote without its end: it is no list of paths
            words = shlex.split(text)
    found = [whole] if whole else [image(w, folder, number + n) for n, w in enumerate(words)]
    chips = [chip for chip in found if chip is not None]
    return chips if len(chips) == len(found) else []


def image(text: str, folder: str, number: int) -> Chip | None:
    """The chip for a pasted path of an image or a PDF; None when it is none."""
    path = _path(text, folder)
    if path is None:
        return None
    try:
        size = os.stat(path).st_size
    except OSError:
        return None
    label = _label(f"{os.path.basename(path)} {_bytes(size)}", number)
    return Chip(label, mention(_shortest(path, folder)), path)


def copied(path: str, size: int, number: int) -> Chip:
    """The chip for an image from the clipboard, which was put into a file of this size."""
    return Chip(_label(f"clipboard {_bytes(size)}", number), f"(image #{number})", path)


def again(media: Media, number: int) -> Chip:
    """The chip for what a prompt that was taken back had."""
    return Chip(_label(line(media), number), f"(image #{number})", kept=media)


def _label(text: str, number: int) -> str:
    words = re.sub(r"[\]\[\s]", GAP, clean(text))
    return f"[image{GAP}{words}{GAP}#{number}]"


def mention(path: str) -> str:
    """How a prompt names a file."""
    return f'@"{path}"' if re.search(r"\s", path) else f"@{path}"


def expanded(text: str, chips: Mapping[str, Chip]) -> str:
    """The text as it is sent."""
    return re.sub(CHIP, lambda found: chips[found[0]].text if found[0] in chips else found[0], text)


def spans(line: str, chips: Mapping[str, Chip]) -> list[tuple[int, int]]:
    """Where chips stand in a line: from and to."""
    return [found.span() for found in re.finditer(CHIP, line) if found[0] in chips]


def number_after(chips: Mapping[str, Chip]) -> int:
    """The number of the next chip."""
    return 1 + max((int(label.rpartition("#")[2][:-1]) for label in chips), default=0)


def _path(text: str, folder: str) -> str | None:
    """The image file that a pasted line names: plain, quoted, escaped or as a file URL."""
    line = text.strip()
    if "\n" in line or len(line) > LONGEST:
        return None
    if len(line) > 1 and line[0] == line[-1] and line[0] in "'\"":
        line = line[1:-1]
    elif line.startswith("file://"):
        line = unquote(urlsplit(line).path)
    else:
        line = re.sub(r"\\(.)", r"\1", line)
    if not line.lower().endswith(SHOWN):
        return None
    return os.path.join(folder, os.path.expanduser(line))


def _shortest(path: str, folder: str) -> str:
    inside = path.startswith(os.path.join(folder, ""))
    return os.path.relpath(path, folder) if inside else path


def _bytes(size: int) -> str:
    if size < 1000:
        return f"{size}{GAP}B"
    kilo = size / 1000
    return f"{kilo:.0f}{GAP}kB" if kilo < 1000 else f"{kilo / 1000:.1f}{GAP}MB"
