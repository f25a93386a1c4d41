"""Pictures in a terminal that can show them, by kitty's protocol: sent once, placed by text cells.

See https://sw.kovidgoyal.net/kitty/graphics-protocol/#unicode-placeholders. Other protocols (sixel,
iTerm2's) paint at the cursor over what stands there: what scrolls or lies above would tear them.
"""

import asyncio
import base64
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress

PLACEHOLDER = "\U0010eeee"
"""A cell of a picture whose number is its colour; two marks on it say which row and column."""
MARKS = (
    "\u0305\u030d\u030e\u0310\u0312\u033d\u033e\u033f\u0346\u034a\u034b\u034c\u0350\u0351\u0352\u0357"
    "\u035b\u0363\u0364\u0365\u0366\u0367\u0368\u0369\u036a\u036b\u036c\u036d\u036e\u036f\u0483\u0484"
    "\u0485\u0486\u0487\u0592\u0593\u0594\u0595\u0597\u0598\u0599\u059c\u059d\u059e\u059f\u05a0\u05a1"
    "\u05a8\u05a9\u05ab\u05ac\u05af\u05c4\u0610\u0611\u0612\u0613\u0614\u0615\u0616\u0617\u0657\u0658"
)
"""What stands for 0, 1 and so on."""
SIDE = len(MARKS)
"""Rows or columns of cells at most."""
ASKED = 31
"""The number of the picture that is only asked about."""
QUESTION = f"\x1b_Gi={ASKED},s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[>q"
"""Whether pictures are understood, and who it is (XTVERSION)."""
ANSWER = r"\x1b_G[^\x1b]{0,999}\x1b\\|\x1bP>\|[^\x1b]{0,999}\x1b\\"
BEGUN = r"(?:\x1b_G|\x1bP>\|)[^\x1b]{0,999}\x1b?\Z"
SURE = r"(?i)\bkitty\((?:[1-9]|0\.(?:2[89]|[3-9]\d|\d{3}))|\bghostty\b"
"""Who places pictures by text cells, kitty since 0.28; others know pictures, and do not."""
PASSED = ("PATH", "TMUX", "TMUX_PANE")
"""Of the environment, to the command that asks tmux."""
LIMIT = 2.0
"""Seconds in which an answer counts."""
CHUNK = 4096
"""Letters of a picture that are sent at once."""
LARGEST = 300_000
"""Bytes of a picture that is sent."""
MOST = 100
"""Pictures that the terminal is sent; more stay as they are."""
FIRST = 0x74A000
"""The number of the first picture: terminals count all programs' together."""
ASK_TMUX = "#{allow-passthrough} #{client_termfeatures} #{client_termtype}"
"""Whether it passes on what is not for it, and what it knows of the terminal around it."""


class Graphics:
    """The pictures of one terminal; asks it only once there is one to show."""

    def __init__(
        self,
        write: Callable[[str], None],
        environ: Mapping[str, str],
        slow: Callable[[], bool] = lambda: False,
    ) -> None:
        """Writes with `write`, one whole sequence each time, unless the terminal is `slow`."""
        self._write = write
        self._slow = slow
        self._tmux = "TMUX" in environ
        self._told: list[Callable[[], None]] = []
        self._asked = False
        self._knows = self._sure = False
        self._open = False
        """Whether an answer counts."""
        self._rest = ""
        """The beginning of an answer."""
        self._sent: list[int] = []
        self._next = FIRST

    @property
    def able(self) -> bool:
        """Whether the terminal has said that it shows pictures so."""
        return self._knows and self._sure

    async def ask(self, then: Callable[[], None]) -> None:
        """Asks, the first time; calls `then` once the terminal has said that it can."""
        if self.able:
            then()
            return
        self._told.append(then)
        if self._asked:
            return
        self._asked = self._open = True
        asyncio.get_running_loop().call_later(LIMIT, self._close)
        if not self._tmux:
            self._write(QUESTION)
            return
        said = await _tmux()
        passes, features, terminal = (*said.split(" ", 2), "", "", "")[:3]
        self._knows = passes in ("1", "2") and "RGB" in features.split(",")
        self._sure = bool(re.search(SURE, terminal))
        self._tell()

    def heard(self, text: str) -> str:
        """What comes from the terminal, without its answers."""
        if not self._asked or self._tmux:
            return text
        text, self._rest = self._rest + text, ""
        for answer in re.findall(ANSWER, text):
            self._knows |= answer.startswith(f"\x1b_Gi={ASKED};OK") and self._open
            self._sure |= (
                answer.startswith("\x1bP") and self._open and bool(re.search(SURE, answer))
            )
        self._tell()
        text = re.sub(ANSWER, "", text)
        if self._open and (begun := re.search(BEGUN, text)):
            text, self._rest = text[: begun.start()], begun[0]
        return text

    def send(self, png: bytes, columns: int, rows: int) -> int:
        """Sends a picture to be shown in so many cells; its number, 0 where it is not sent."""
        if not self.able or len(png) > LARGEST or not png.startswith(b"\x89PNG\r\n\x1a\n"):
            return 0
        fits = 0 < columns <= SIDE and 0 < rows <= SIDE
        if not fits or len(self._sent) >= MOST or self._slow():
            return 0
        ident, self._next = self._next, self._next + 1
        self._sent.append(ident)
        head = f"a=T,U=1,f=100,t=d,q=2,i={ident},c={columns},r={rows},"
        data = base64.b64encode(png).decode()
        sequences: list[str] = []
        for at in range(0, len(data), CHUNK):
            more = int(at + CHUNK < len(data))
            sequences.append(f"\x1b_G{head}m={more};{data[at : at + CHUNK]}\x1b\\")
            head = "q=2,"
        self._write("".join(map(self._passed, sequences)))
        return ident

    def forget(self) -> None:
        """Has the terminal forget all pictures."""
        while self._sent:
            self._delete(self._sent.pop())

    def _delete(self, ident: int) -> None:
        self._write(self._passed(f"\x1b_Ga=d,d=I,q=2,i={ident}\x1b\\"))

    def _passed(self, sequence: str) -> str:
        """The sequence as it comes to the terminal, perhaps through tmux."""
        if not self._tmux:
            return sequence
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"

    def _tell(self) -> None:
        told, self._told = (self._told, []) if self.able else ([], self._told)
        for then in told:
            then()

    def _close(self) -> None:
        self._open, self._rest = False, ""


def cells(row: int, columns: int) -> str:
    """The text of a picture's row; it is drawn in the colour of `look`."""
    return "".join(f"{PLACEHOLDER}{MARKS[row]}{MARKS[column]}" for column in range(columns))


def look(ident: int) -> str:
    """How the cells of a picture are drawn; see transcript.palette."""
    return f"fg=#{ident:06x}"


async def _tmux() -> str:
    """What tmux says to ASK_TMUX; "" where it says nothing."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(LIMIT):
            asked = await asyncio.create_subprocess_exec(
                *("tmux", "display-message", "-p", ASK_TMUX),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={name: os.environ[name] for name in PASSED if name in os.environ},
            )
            try:
                out, _ = await asked.communicate()
            finally:
                if asked.returncode is None:
                    asked.kill()
            return out.decode(errors="replace").strip()
    return ""
