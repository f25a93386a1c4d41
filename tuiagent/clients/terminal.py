"""Repairs a terminal that a full-screen program left as it needed it.

On a healthy terminal nothing of this is seen: the cursor stays where it is, and neither colours
that a person chose nor the settings of the line are touched.
"""

import os
import sys
import termios

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SEQUENCES = (
    "\x18"  # whatever was begun and cut off ends here
    "\x1b[?2026l"  # what is written is shown at once
    "\x1b[<99u"  # the kitty keyboard modes of this screen are forgotten …
    "\x1b7\x1b[?1049l"  # the usual screen; where it was usual already, the cursor stays
    "\x1b[<99u"  # … and of that one
    "\x1b[>4m"  # keys are reported as usual (xterm)
    "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?1016l"  # no mouse
    "\x1b[?1004l"  # no reports of focus …
    "\x1b[?2004l"  # … of pasting …
    "\x1b[?2031l\x1b[?2048l"  # … of colours and sizes
    "\x1b[?1l\x1b>"  # cursor keys and keypad as usual
    "\x1b7\x1b[r\x1b[?6l\x1b8"  # the whole screen scrolls; the cursor stays
    "\x1b[4l\x1b[?7h"  # nothing is inserted, long lines wrap
    "\x0f\x1b(B"  # letters are letters
    "\x1b]8;;\x1b\\"  # no link is open
    "\x1b[0m"  # colours
    "\x1b[0 q\x1b[?25h"  # the cursor's shape, and that it is seen
    "\x1b[23;0t"  # the title that was kept, if one was
)
"""Everything that a full-screen program may have turned on, off."""

INPUT, OUTPUT, LOCAL = 0, 1, 3
"""Places in what termios.tcgetattr returns."""
NEEDED = (
    (INPUT, termios.ICRNL),
    (OUTPUT, termios.OPOST | termios.ONLCR),
    (LOCAL, termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN),
)
"""What is on in any terminal that a shell has just left to a program."""
DUMB = ("", "dumb", "unknown")
"""Values of TERM that can draw nothing."""
WRONG = ((INPUT, termios.INLCR | termios.IGNCR), (OUTPUT, termios.OCRNL))


def able() -> bool:
    """Whether there is a terminal that a full screen can be drawn on."""
    ends = (sys.stdin, sys.__stdout__)
    drawn = os.environ.get("TERM", "") not in DUMB
    return drawn and all(end is not None and end.isatty() for end in ends)


def repair(terminal: int, modes: "list[Any] | None" = None) -> None:
    """Turns off what a full-screen program may have turned on. Raises OSError, termios.error.

    The line gets the modes that it had before, where somebody has kept them.
    """
    if modes is None:
        cooked(terminal)
    else:
        termios.tcsetattr(terminal, termios.TCSANOW, modes)
    os.write(terminal, SEQUENCES.encode())


def mend(terminal: int, modes: "list[Any] | None" = None) -> None:
    """Repairs it, unless it is gone."""
    try:
        repair(terminal, modes)
    except (OSError, termios.error):
        return


def write(stream: int, data: bytes) -> None:
    """Writes all of it; a reader that has gone is no failure."""
    try:
        while data:
            data = data[os.write(stream, data) :]
    except OSError:
        return


def heal(terminal: int) -> None:
    """Repairs it where its line shows that a killed program has left it so, and it is not gone.

    Elsewhere nothing is written: tmux would put the cursor where it was before the last program.
    """
    try:
        if cooked(terminal):
            write(terminal, SEQUENCES.encode())
    except termios.error:
        return


def cooked(terminal: int) -> bool:
    """Lines, echo and signals again, and what was typed meanwhile dropped; False if all is well."""
    modes = termios.tcgetattr(terminal)
    healthy = all(modes[place] & flags == flags for place, flags in NEEDED) and not any(
        modes[place] & flags for place, flags in WRONG
    )
    if healthy:
        return False
    for place, flags in NEEDED:
        modes[place] |= flags
    for place, flags in WRONG:
        modes[place] &= ~flags
    modes[INPUT] |= termios.IXON
    modes[LOCAL] |= termios.ECHOE | termios.ECHOK | termios.ECHOCTL | termios.ECHOKE
    termios.tcsetattr(terminal, termios.TCSAFLUSH, modes)
    return True
