"""The first frame: the shape of the screen, drawn before anything is loaded, and what is typed.

It is drawn by the process that the shell waits for, which then has nothing else to do; see
clients.window. The shape is kept when the app has drawn its own first frame, for each size and kind
of terminal, in a file of the state root: four lines of words, then what is written to the terminal.
"""

import os
import termios
from codecs import getincrementaldecoder

from tuiagent import __version__
from tuiagent.clients import terminal
from tuiagent.clients.window import Window, split
from tuiagent.thin import root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

FLAGS = (
    "--model --mode --no-sandbox --allow --deny --log-level --local --cwd --continue --new "
    "--resume --file --fork --name --max-turns --max-cost --max-time"
).split()
"""With these alone, and what is said, it is the screen that is wanted."""
ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2004h"
"""The other screen, no cursor, no wrapping, pasted text marked."""
SIDES = (22, 40)
"""Columns at the sides of the conversation, usually, where there is room."""
ROOMY, TALK = 100, 52
"""Columns from which on all panes have room, and of them those that the conversation keeps."""
LARGEST = 1 << 20
"""Bytes of a shape that are believed."""
INPUT, LOCAL, CHARACTERS = 0, 3, 6
"""Places in what termios.tcgetattr returns."""


def begin(argv: list[str]) -> Window | None:
    """Draws the first frame where the screen is wanted for certain; goes on in a second process."""
    asked = wanted(argv) and terminal.able() and not read_aloud()
    return split(Picture()) if asked else None


def read_aloud() -> bool:
    """Whether the user's file says that a screen reader reads: nothing is to be drawn then."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.environ.get("HOME", ""), ".config")
    try:
        file = os.open(os.path.join(home, "tuiagent", "config.toml"), os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return b"screen_reader = true" in os.read(file, LARGEST)
    except OSError:
        return False
    finally:
        os.close(file)


def wanted(argv: list[str]) -> bool:
    """Whether these arguments ask for the screen, if they are right; one word may be a command."""
    flags = all(arg.partition("=")[0] in FLAGS for arg in argv if arg.startswith("-"))
    return flags and not (argv and argv[0].isidentifier())


def place(folder: str, columns: int, rows: int) -> str:
    """The file of the shape for a size, and for what such a terminal can do."""
    kinds = (os.environ.get(name, "") for name in ("TERM", "COLORTERM", "NO_COLOR"))
    kind = "-".join("".join(filter(str.isalnum, one))[:32] for one in kinds)
    return os.path.join(folder, "cache", "shapes", f"{columns}x{rows}-{kind}")


class Shape:
    """What the screen looks like before there is anything on it, and where one types."""

    def __init__(self, body: str, box: tuple[int, int, int], text: str, cursor: str) -> None:
        self.body = body
        self.box = box
        """Column, row and width of the line where one types, from 0."""
        self.text = text
        self.cursor = cursor
        """How what is typed looks, and the cursor: SGR parameters."""

    def written(self) -> bytes:
        """For a file; see `read`."""
        lines = [f"tuiagent {__version__} {len(self.body)}", " ".join(map(str, self.box))]
        return "\n".join([*lines, self.text, self.cursor, self.body]).encode()


def read(path: str) -> Shape | None:
    """The shape of a file; None where there is none that can be used."""
    try:
        with open(path, "rb", buffering=0) as file:
            found = os.fstat(file.fileno())
            if found.st_uid != os.getuid() or found.st_mode & 0o022 or found.st_size > LARGEST:
                return None
            head, box, text, cursor, body = (file.read(LARGEST) or b"").decode().split("\n", 4)
        column, row, width = map(int, box.split())
        if head == f"tuiagent {__version__} {len(body)}" and width > 1:
            return Shape(body, (column, row, width), text, cursor)
    except (OSError, ValueError):
        pass
    return None


def sides(widths: "Iterable[int]", columns: int) -> "list[int]":
    """Columns at the sides: as many as are wanted, less where the conversation has no room then."""
    wanted = list(widths)
    part = min(1.0, (columns - TALK) / sum(wanted))
    return [max(1, int(width * part)) for width in wanted]


def standard(columns: int, rows: int) -> Shape:
    """A shape for a terminal that was never seen before."""
    left, right = sides(SIDES, columns) if columns >= ROOMY else (0, 0)
    inner = max(0, columns - left - right - 2)
    lines = ("╭" + "─" * inner + "╮", "│" + " " * inner + "│", "╰" + "─" * inner + "╯")
    top = max(0, rows - 1 - len(lines))
    drawn = "".join(f"\x1b[{top + n + 1};{left + 1}H{line}" for n, line in enumerate(lines))
    box = (left + 1, top + 1, max(2, inner))
    return Shape(f"\x1b[0m\x1b[2J\x1b[1;2Htuiagent{drawn}", box, "0", "7")


class Picture:
    """The first frame on this process's terminal."""

    def __init__(self) -> None:
        self.keys = b""
        """Everything that was typed."""
        self._decode = getincrementaldecoder("utf-8")("ignore").decode
        self._echo = Echo()
        self._root = root()
        self._shape = standard(80, 24)
        self._size: object = None
        """Of the terminal when it was drawn."""

    def begin(self) -> None:
        """Has keys come as they are pressed, and draws it."""
        raw = termios.tcgetattr(0)
        raw[LOCAL] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
        raw[INPUT] &= ~(
            termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR
        )
        # Ctrl-C ends what does not start; Ctrl-Z waits for who can draw all of it again.
        raw[CHARACTERS][termios.VSUSP] = bytes([os.fpathconf(0, "PC_VDISABLE") & 0xFF])
        raw[CHARACTERS][termios.VMIN], raw[CHARACTERS][termios.VTIME] = 1, 0
        termios.tcsetattr(0, termios.TCSANOW, raw)
        self.paint()

    def paint(self) -> None:
        """Draws it for the size that the terminal has now, unless it is drawn so."""
        size = columns, rows = os.get_terminal_size(1)
        if size == self._size:
            return
        self._size = size
        path = place(self._root, columns, rows)
        self._shape = (read(path) if self._root else None) or standard(columns, rows)
        terminal.write(1, f"{ENTER}{self._shape.body}{self._line()}".encode())

    def typed(self, data: bytes) -> None:
        """Keeps it, and shows what can be shown of it."""
        self.keys += data
        before = self._echo.text
        for char in self._decode(data):
            self._echo.take(char)
        if self._echo.text != before:
            terminal.write(1, self._line().encode())

    def _line(self) -> str:
        column, row, width = self._shape.box
        text = self._echo.end(width - 1)
        rest = " " * (width - 1 - sum(map(cells, text)))
        style, cursor = f"\x1b[0;{self._shape.text}m", f"\x1b[0;{self._shape.cursor}m"
        return f"\x1b[{row + 1};{column + 1}H{style}{text}{cursor} {style}{rest}\x1b[0m"


class Echo:
    """What a prompt shows of the keys that were pressed, as far as that is certain."""

    def __init__(self) -> None:
        self.text = ""
        """The last line of it."""
        self._sequence = ""
        self._pasting = False
        self._lost = False
        """Whether something was pressed of which only the app knows what it does."""

    def take(self, char: str) -> None:
        """The next character from the terminal."""
        if self._sequence or char == "\x1b":
            self._escape(char)
        elif char == "\r":
            self.text, self._lost = "", self._lost and self._pasting
        elif self._lost:
            return
        elif char in "\x7f\b":
            self.text = self.text[:-1]
        elif char.isprintable():
            self.text += char
        else:
            self._lost = True

    def end(self, columns: int) -> str:
        """As much of the text's end as there is room for."""
        start = len(self.text)
        while start and (columns := columns - cells(self.text[start - 1])) >= 0:
            start -= 1
        return self.text[start:]

    def _escape(self, char: str) -> None:
        self._sequence += char
        if self._sequence in ("\x1b", "\x1b[", "\x1bO"):
            return
        if self._sequence[:2] == "\x1b[" and not "@" <= char <= "~":
            return
        if self._sequence in ("\x1b[200~", "\x1b[201~"):
            self._pasting = self._sequence == "\x1b[200~"
        else:
            self._lost = True
        self._sequence = ""


def cells(char: str) -> int:
    """Columns that a character takes."""
    if char < "\u0300":
        return 1
    import unicodedata  # noqa: PLC0415 - 1 MB, for few

    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
