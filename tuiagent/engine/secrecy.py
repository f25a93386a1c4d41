"""What tools bring is masked before it becomes a fact: keys are kept out of the journal."""

import asyncio
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from tuiagent.kernel.claims import Claims
from tuiagent.kernel.marks import NONE, Marks
from tuiagent.kernel.message import Command, Display, Observation, Text

if TYPE_CHECKING:
    from tuiagent.engine.steps.work import StagedBlobs

MARK = "<key>"
"""What stands in place of a key."""
SHORTEST = 8
"""Characters of a key that is looked for."""
EDGE = 1
"""Groups of base64 at either end of a key that also depend on what stands next to it."""


def spellings(secret: str) -> list[str]:
    """The secret as it is, and as hexadecimal, JSON, URLs or base64 (from anywhere) have it."""
    import base64  # noqa: PLC0415 - the first request does not wait for what calls need
    from urllib.parse import quote  # noqa: PLC0415

    body = secret.encode()
    quoted = [_quoted(secret), _plain(_quoted(secret))]
    quoted += [_quoted(one) for one in quoted]
    found = [secret, quote(secret, safe=""), body.hex(), body.hex().upper(), *quoted]
    for offset in range(3):
        coded = base64.b64encode(bytes(offset) + body).decode()
        inner = coded[4 * EDGE if offset else 0 : len(coded) - 4 * EDGE]
        found += [inner, inner.replace("+", "-").replace("/", "_")]
    return [spelling for spelling in dict.fromkeys(found) if len(spelling) >= SHORTEST]


def _quoted(text: str) -> str:
    """The text as it stands between the quotes of JSON."""
    return msgspec.json.encode(text).decode()[1:-1]


def _plain(text: str) -> str:
    """The text as JSON has it where only ASCII is written."""
    units = text.encode("utf-16-be")
    pairs = (int.from_bytes(units[n : n + 2], "big") for n in range(0, len(units), 2))
    return "".join(chr(pair) if pair < 128 else f"\\u{pair:04x}" for pair in pairs)


class Secrecy:
    """Masks keys that this process knows, or has the mark of, and what has the shape of one."""

    def __init__(self, keys: Iterable[str], marks: Marks = NONE) -> None:
        self._marks = marks
        texts = {key.encode("utf-8", "ignore").decode() for key in keys}  # the rest is no text
        words = {word for key in texts if len(key) >= SHORTEST for word in spellings(key)}
        self._words = sorted(words, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, self._words))) if words else None
        self._bytes = [word.encode("utf-8", "surrogatepass") for word in self._words]
        self._twice = any(word != _plain(_quoted(word)) for word in self._words)
        """Whether a word could be written in JSON within JSON, so that it is not found there."""

    def known(self, text: str) -> str:
        """The text with placeholders for keys that are known; what only looks like one stays."""
        return self._known.sub(MARK, text) if self._known else text

    def marked(self, text: str) -> list[str]:
        """What each mark in the masked text stands for, be it a mark by itself."""
        shapes = f"{self._known.pattern}|{MARK}" if self._known else MARK
        return re.findall(shapes, text)

    def may_hold(self, body: bytes) -> bool:
        """Whether a known key may stand in this JSON."""
        return self._twice or any(word in body for word in self._bytes)

    def text(self, text: str, named: bool = False) -> str:
        """The text with placeholders; `named`: also what only its name tells to be a secret."""
        from tuiagent.kernel.mask import Mask  # noqa: PLC0415 - compiles much, and calls come late

        return Mask(named=named).text(self._marks.masked(self.known(text), MARK))

    def begun(self, text: str) -> int:
        """How many characters at the end may be the beginning of a key that goes on later."""
        longest = 0
        for word in self._words:
            tail = text[1 - len(word) :]
            at = tail.find(word[0])
            while at >= 0 and not word.startswith(tail[at:]):
                at = tail.find(word[0], at + 1)
            longest = max(longest, len(tail) - at if at >= 0 else 0)
        return longest

    def body(self, body: bytes, named: bool) -> bytes:
        """The same for bytes, which stay as they are where nothing is masked."""
        text = body.decode("utf-8", "surrogateescape")
        masked = self.text(text, named)
        return body if masked == text else masked.encode("utf-8", "surrogateescape")

    async def observation(
        self, observation: Observation, blobs: "StagedBlobs", named: bool
    ) -> Observation:
        """What came of a call, with what people are shown of it; a change of a file stays."""
        blocks = [await self._block(block, blobs, named) for block in observation.blocks]
        text = self.text(observation.text, named)
        media = [one for one in observation.media if not self._holds(blobs.staged.get(one.blob))]
        for one in {*observation.media} - {*media}:
            del blobs.staged[one.blob]
            text += "\n(An image or a document with a key in it was left out.)"
        clean = tuple(replace(one, name=self.text(one.name)) for one in media)
        return replace(observation, text=text, blocks=tuple(blocks), media=clean)

    def _holds(self, body: bytes | None) -> bool:
        """Whether a key stands in these bytes as it is."""
        return bool(self._known and body and self._known.search(body.decode("latin-1")))

    async def _block(self, block: Display, blobs: "StagedBlobs", named: bool) -> Display:
        if isinstance(block, Text):
            return Text(self.text(block.text, named))
        if not isinstance(block, Command):
            return block
        output, kept = block.output, blobs.staged.get(block.output)
        if kept is not None:
            masked = await asyncio.to_thread(self.body, kept, named)
            if masked != kept:
                del blobs.staged[output]
                output = blobs.put(masked)
        return replace(block, command=self.text(block.command), output=output)

    def held(self, claims: Claims, args: object) -> Claims:
        """The claims of a call, which say when its arguments hold a key."""
        written = msgspec.json.encode(args).decode()
        holds = self._known is not None and self._known.search(written)
        return replace(claims, secret=True) if holds else claims


@lru_cache(maxsize=8)
def secrecy_of(keys: frozenset[str], marks: Marks = NONE) -> Secrecy:
    """Masks these keys; made once for the same ones."""
    return Secrecy(keys, marks)


class Pieces:
    """A text that comes in pieces: what may be the beginning of a key waits for what follows."""

    def __init__(self, secrecy: Secrecy, masked: Callable[[str], str]) -> None:
        self._secrecy = secrecy
        self._masked = masked
        self._held = ""

    def add(self, piece: str) -> str:
        """As much as may be shown now, masked."""
        text = self._held + piece
        whole = len(text) - self._secrecy.begun(text)
        self._held = text[whole:]
        return self._masked(text[:whole])

    def rest(self) -> str:
        """What was held back, as nothing follows."""
        text, self._held = self._held, ""
        return self._masked(text)
