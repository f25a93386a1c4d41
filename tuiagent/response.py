"""One HTTP/1.1 response while it arrives: bytes in, head and decoded body out; no I/O."""

import zlib
from collections.abc import Iterator

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

STEP = 1 << 20
"""Bytes that are inflated at a time."""


class Response:
    """Fills while it is fed; raises ValueError for what is not HTTP, OverflowError past the limits.

    Its `on_…` methods are the callbacks of httptools.
    """

    ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})

    def __init__(self, head: int, body: int) -> None:
        """How many bytes the head and the decoded body may have."""
        self.status = 0
        self.headers: dict[str, str] = {}
        """By lower-case name; of a repeated header the last one."""
        self.started = False
        """Whether any byte came."""
        self.ready = False
        """Whether the head is complete."""
        self.complete = False
        self.reusable = False
        """Whether another request may follow on the same connection, once this is complete."""
        self._most_head, self._most_body = head, body
        self._parser = HttpResponseParser(self)
        self._raw: list[bytes] = []
        self._pieces: list[bytes] = []
        self._inflater: Inflater | None = None
        self._head = self._size = 0

    @property
    def beginning(self) -> bytes:
        """What came first, for showing what it is when it is not HTTP."""
        return b"".join(self._raw)

    def feed(self, data: bytes) -> None:
        """Takes what was received; b"" is its end. Raises EOFError when that comes too early."""
        if not data:
            self._end()
            return
        self.started = True
        if not self.ready:
            self._head += len(data)
            if not self._raw:
                self._raw.append(data[:1000])
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if not self.complete:
                raise ValueError(f"it is not proper HTTP ({error})") from error
            self.reusable = False
        if not self.ready and self._head > self._most_head:
            raise OverflowError(f"the head is longer than {self._most_head} bytes")

    def take(self) -> list[bytes]:
        """The pieces of the decoded body that came since the last call."""
        pieces, self._pieces = self._pieces, []
        if self._inflater is not None:
            pieces = [out for piece in pieces for out in self._inflater.feed(piece, self._room())]
        self._size += sum(map(len, pieces))
        if self._room() < 0:
            raise OverflowError(f"the answer is longer than {self._most_body} bytes")
        return pieces

    def _room(self) -> int:
        return self._most_body - self._size

    def _end(self) -> None:
        """A body without a stated length ends with its connection."""
        self.reusable = False
        coded = self.headers.get("transfer-encoding", "").lower()
        if not self.ready or "content-length" in self.headers or "chunked" in coded:
            raise EOFError("the connection was closed in the middle")
        self.complete = True

    def on_message_begin(self) -> None:
        """Bytes behind the answer belong to nothing that was asked."""
        if self.complete:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keeps a header."""
        if not self.complete:
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1").strip()

    def on_headers_complete(self) -> None:
        """Takes the status; 1xx announces that another head follows."""
        status = self._parser.get_status_code()
        if self.complete:
            return
        if status < 200:
            self.headers.clear()
            return
        self.status, self.ready = status, True
        self.reusable = self._parser.should_keep_alive()
        encoding = self.headers.get("content-encoding", "identity").lower()
        if encoding in self.ENCODINGS - {"", "identity"}:
            self._inflater = Inflater()

    def on_body(self, body: bytes) -> None:
        """Keeps a piece of the body as it was sent."""
        if not self.complete:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        """The body is whole."""
        self.complete = self.complete or self.ready


class Inflater:
    """Undoes gzip and deflate (RFC 1950 and, as some servers send it, bare RFC 1951)."""

    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(47)
        self._begun = False

    def feed(self, data: bytes, room: int) -> Iterator[bytes]:
        """The bytes in steps of at most 1 MiB, until more than `room` of them came."""
        try:
            piece = self._decoder.decompress(data, STEP)
        except zlib.error as error:
            if self._begun:
                raise ValueError(f"its compression is broken ({error})") from error
            piece = self._bare(data)
        self._begun = True
        while piece:
            yield piece
            room -= len(piece)
            if room < 0:
                return
            try:
                piece = self._decoder.decompress(self._decoder.unconsumed_tail, STEP)
            except zlib.error as error:
                raise ValueError(f"its compression is broken ({error})") from error

    def _bare(self, data: bytes) -> bytes:
        self._decoder = zlib.decompressobj(-15)
        try:
            return self._decoder.decompress(data, STEP)
        except zlib.error as error:
            raise ValueError(f"its compression is broken ({error})") from error
