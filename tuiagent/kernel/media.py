"""Images and documents that a model is shown: what bytes are, how large, and what stands for them.

Only headers are read, so that a picture that would fill the memory is known before it is opened.
Sources: PNG (W3C) 5.3 and 11.2.2, JPEG (ITU T.81) B.1, GIF89a 18, WebP (RFC 9649) 2.
"""

import hashlib
from collections.abc import Iterable

from msgspec import Struct

from tuiagent.kernel.errors import Refused
from tuiagent.kernel.message import Document, Image, Media, Text

IMAGE, DOCUMENT = 5 << 20, 20 << 20
"""Bytes of one image, and of one document, as the providers take them."""
SIDE = 8000
"""Pixels of an image's longer side."""
MOST = 20
"""How many a prompt may hold."""
REQUEST = 20 << 20
"""Bytes of all images and documents of one request."""
PDF = "application/pdf"
TILE = 750
"""Pixels of an image that make about one token."""
SHARPEST = 1600
"""Tokens of the largest image, which providers make smaller, and of one whose size is not known."""
PAGE = 2000
"""Tokens of a page, as text and as an image."""
PAGES = 10
"""Of a document that does not say how many it has."""


class File(Struct, frozen=True):
    """Something that is put into a prompt."""

    name: str
    """What people call it, without its folder."""
    data: bytes


def probe(name: str, data: bytes) -> Media | None:
    """What these bytes are; None for neither a known image nor a PDF. Raises Refused.

    Refused is what was cut off or has no size: a provider would refuse the whole conversation.
    """
    for kind, begins in BEGINS.items():
        if data.startswith(begins) and (kind != "image/webp" or data[8:12] == b"WEBP"):
            width, height = SIZES[kind](data)
            if not width or not height:
                raise Refused(f"{name} is damaged or was cut off: it is no whole {kind}")
            return Image(kind, digest(data), name, width, height, len(data))
    if data.startswith(b"%PDF-"):
        if b"%%EOF" not in data[-4096:]:
            raise Refused(f"{name} is damaged or was cut off: it is no whole {PDF}")
        return Document(PDF, digest(data), name, len(data))
    return None


def shown(file: File) -> Media:
    """The file as a model may be shown it. Raises Refused."""
    found = probe(file.name, file.data)
    if found is None:
        raise Refused(f"{file.name} is neither an image (PNG, JPEG, GIF, WebP) nor a PDF")
    if problem := excess(found):
        raise Refused(f"{line(found)}: {problem}")
    return found


def excess(found: Media) -> str:
    """Why providers would not take it; "" when they do."""
    limit = IMAGE if isinstance(found, Image) else DOCUMENT
    if found.size > limit:
        return f"it has more than {limit >> 20} MiB"
    if isinstance(found, Image) and max(found.width, found.height) > SIDE:
        return f"it is larger than {SIDE} pixels on a side"
    return ""


def attached(files: Iterable[File]) -> tuple[Media, ...]:
    """The files of one prompt. Raises Refused."""
    found = tuple(shown(file) for file in files)
    if len(found) > MOST:
        raise Refused(f"a prompt holds at most {MOST} images and documents, not {len(found)}")
    return found


def blobs(files: Iterable[File]) -> dict[str, bytes]:
    """The bytes by their SHA-256 in hexadecimal."""
    return {digest(file.data): file.data for file in files}


def newest(found: Iterable[Media]) -> set[str]:
    """The hashes of those, oldest first, that a request has room for.

    Where the room is used up, the oldest go until half of it is free: so a conversation's beginning
    changes seldom, and stays in caches.
    """
    kept: dict[str, int] = {}
    for one in found:
        kept.setdefault(one.blob, one.size or IMAGE)
        if sum(kept.values()) > REQUEST:
            while len(kept) > 1 and sum(kept.values()) > REQUEST // 2:
                del kept[next(iter(kept))]
    return set(kept)


def digest(data: bytes) -> str:
    """The SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def tokens(found: Media) -> int:
    """About how many tokens it takes."""
    if isinstance(found, Document):
        return PAGE * (found.pages or PAGES)
    return min(SHARPEST, found.width * found.height // TILE + 1) if found.width else SHARPEST


def line(found: Media) -> str:
    """Name, kind and size, for whoever cannot see it."""
    parts = [found.media.partition("/")[2].upper()]
    if isinstance(found, Image) and found.width:
        parts.append(f"{found.width}×{found.height}")
    elif isinstance(found, Document) and found.pages:
        parts.append(f"{found.pages} pages")
    if found.size:
        parts.append(f"{-(-found.size // 1024)} KiB")
    return f"{found.name or 'image'} ({', '.join(parts)})"


def untold(found: Media, why: str) -> Text:
    """What stands for something that the model is not shown."""
    return Text(f"[{line(found)} is not shown to you: {why}]")


# ---------------------------------------------------------------- headers


def _png(data: bytes) -> tuple[int, int]:
    """Width and height; zeros where a chunk is cut off before the last one."""
    at = 8
    while at + 12 <= len(data):
        kind = data[at + 4 : at + 8]
        if kind == b"IEND":
            return _big(data[16:20]), _big(data[20:24])
        at += 12 + _big(data[at : at + 4])
    return 0, 0


def _jpeg(data: bytes) -> tuple[int, int]:
    """Those of the first frame; C4, C8 and CC are no frames though they lie among them."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        kind = data[at + 1]
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            whole = data.find(b"\xff\xd9", at) > 0
            height, width = _big(data[at + 5 : at + 7]), _big(data[at + 7 : at + 9])
            return (width, height) if whole else (0, 0)
        at += 1 if kind == 0xFF else 2 + _big(data[at + 2 : at + 4])
    return 0, 0


def _gif(data: bytes) -> tuple[int, int]:
    if not data.rstrip(b"\0").endswith(b"\x3b"):
        return 0, 0
    return _little(data[6:8]), _little(data[8:10])


def _webp(data: bytes) -> tuple[int, int]:
    """Of the three kinds of WebP: with features, lossless, lossy."""
    if len(data) < 30 or _little(data[4:8]) + 8 > len(data):
        return 0, 0
    kind = data[12:16]
    if kind == b"VP8X":
        return _little(data[24:27]) + 1, _little(data[27:30]) + 1
    if kind == b"VP8L":
        bits = _little(data[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return _little(data[26:28]) & 0x3FFF, _little(data[28:30]) & 0x3FFF


def _big(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


BEGINS = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
SIZES = {"image/png": _png, "image/jpeg": _jpeg, "image/gif": _gif, "image/webp": _webp}
