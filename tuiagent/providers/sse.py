"""Server-sent events as they arrive: bytes in, the data of whole events out.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6.
"""

BOM = b"\xef\xbb\xbf"


class EventStream:
    """Cuts a body, split anywhere, into the `data` of its events; other fields are not needed.

    As the specification says, an event that no blank line ended is not given.
    """

    def __init__(self, line: int) -> None:
        self._limit = line
        self._pieces: list[bytes] = []
        self._size = 0
        self._first = True
        self._after_cr = False
        self._data: list[bytes] = []

    def feed(self, body: bytes) -> list[bytes]:
        """The data of the events that these bytes end. Raises OverflowError for a line too long."""
        if self._after_cr and body:
            body = body.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" in body:
            self._after_cr = body.endswith(b"\r")
            body = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = body.split(b"\n")
        rest = lines.pop()
        if lines and self._pieces:
            lines[0] = b"".join((*self._pieces, lines[0]))
            self._pieces.clear()
            self._size = 0
        self._size += len(rest)
        if self._size > self._limit or any(len(line) > self._limit for line in lines):
            raise OverflowError(f"a line of the answer is longer than {self._limit} bytes")
        if rest:
            self._pieces.append(rest)
        if self._first and lines:
            lines[0] = lines[0].removeprefix(BOM)
            self._first = False
        return self._events(lines)

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events: list[bytes] = []
        for line in lines:
            if not line:
                if self._data:
                    events.append(b"\n".join(self._data))
                    self._data.clear()
            elif line.startswith(b"data:"):
                self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
            elif line == b"data":
                self._data.append(b"")
        return events
