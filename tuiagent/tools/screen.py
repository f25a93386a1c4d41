"""What a terminal shows after it was sent some bytes."""

import re

COLUMNS, ROWS = 160, 48
MOST = 32 * 1024
"""Bytes that are emulated, from the end; that takes up to half a second."""
BEGUN = re.compile(r"\x1b\]133;C;[^\x07]*\x07")
"""What stands before a command's output."""
SEQUENCE = re.compile(
    r"\x1b(?:\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|\[[0-?]*[ -/]*[@-~]|.)"
)
STRANGE = re.compile(r"\x1b\[(?:[<=>][0-9;]*[A-Za-z]|\?[0-9;]*m)")
"""Sequences that the emulator does not know and fails at."""


def screen(data: bytes, rows: int = ROWS) -> str:
    """The rows of the screen as plain text, without what is blank at their ends."""
    text = BEGUN.split(data[-MOST:].decode("utf-8", "replace"))[-1]
    # 40 ms, and few sessions have a terminal
    import pyte  # noqa: PLC0415

    shown = pyte.Screen(COLUMNS, rows)
    try:
        pyte.Stream(shown).feed(STRANGE.sub("", text))
    except Exception:  # what a program writes may be anything
        return stripped(text)
    # not `display`, which looks at every cell of every row
    rest = (shown.buffer.get(row, {}) for row in range(rows))
    texts = ("".join(row[x].data for x in range(max(row, default=-1) + 1)) for row in rest)
    return "\n".join(text.rstrip() for text in texts).strip("\n")


def lines(data: bytes) -> str:
    """All that was written, line by line, as far as it is not written over."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    if not any(c in text for c in "\x1b\r\b"):
        return stripped(text)
    newest = data[-MOST:]
    return screen(newest, max(ROWS, newest.count(b"\n") + 2))


def stripped(text: str, ends: bool = False) -> str:
    """The text without control sequences, whatever they would do to it; `ends` keeps its ends."""
    plain = SEQUENCE.sub("", text).replace("\r\n", "\n")
    found = "".join(c for c in plain if c in "\n\t" or c.isprintable())
    return found if ends else found.strip("\n")
