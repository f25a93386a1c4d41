"""Holds a terminal: a shell in it, what is typed into it, and what it writes.

Run as a program under the wrapper, so that the terminal outlives whoever opened it; it needs only
the standard library. Arguments: the spool folder, columns, rows, then the shell (bash) behind
the sandbox that holds it, if there is one. What the terminal writes goes to standard output, which
is the spool's `output`.

What is to be typed comes as a file `type.IDENT` (its first line says what it is: `command` or
`keys`; the rest is the text), put there by rename, and a byte in the pipe `wake`. It is taken by
making `typed.IDENT`, which can be made once: whoever makes it first, this program or one that
wants to be sure that it never will be typed, has decided that. What was taken is then told in
`took.IDENT`: the size of the output before it was typed, and why it was refused, if it was.

A command is run by letting the shell read it from the file `run.IDENT`: so it may have any length
and any number of lines, and is not echoed. The shell marks its prompt, and the beginning of each
command, as terminals with shell integration expect (OSC 133):
https://gitlab.freedesktop.org/Per_Bothner/specifications/blob/master/proposals/semantic-prompts.md
The mark of the prompt holds the spool's name as its `aid`: text that happens to hold such a mark,
and shells within the shell, are not taken for it.
"""

import contextlib
import errno
import fcntl
import os
import pty
import re
import select
import shlex
import signal
import struct
import sys
import termios

IGNORED = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
"""Python ignores the first two, and whoever begins something in the background (`&`) the others."""
ENVIRONMENT = {
    "TERM": "xterm-256color",
    "PS1": "",
    "PS2": "",
    "HISTFILE": "",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "BASH_SILENCE_DEPRECATION_WARNING": "1",
}
PROMPT = (
    r"""printf '\033]133;D;%s;aid={};%s\007' "$?" "$PWD"; """
    "export -n PROMPT_COMMAND PS1 PS2 HISTFILE"
)
"""What the shell runs before each prompt: tells exit status and folder. No other shell gets it."""
LONGEST = 256
"""Bytes of a mark, at most, without the folder."""
IDLE = 12 * 3600.0
"""Seconds after which a shell that nobody typed into is closed."""
ARGUMENTS = ("--noprofile", "--norc", "--noediting", "-i")


class Host:
    """One terminal and the shell in it."""

    def __init__(self, spool: str, columns: int, rows: int, argv: list[str]) -> None:
        self.spool = spool
        self.begun = self.idle = False
        """Whether the shell has shown its first prompt, and whether one came since a command."""
        self.pending = b""
        """What is yet to be typed, as what runs did not read it so far."""
        name = os.path.basename(spool)
        self.mark = re.compile(rb"\x1b\]133;D;\d+;aid=%b;" % re.escape(name.encode()))
        self.recent = b""
        """The end of the output that was looked through, in case a mark goes on in the next."""
        wake = os.path.join(spool, "wake")
        os.mkfifo(wake, 0o600)
        self.wake = os.open(wake, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            for number in IGNORED:
                signal.signal(number, signal.SIG_DFL)
            os.environ.update(ENVIRONMENT, COLUMNS=str(columns), LINES=str(rows))
            os.environ["PROMPT_COMMAND"] = PROMPT.format(name)
            os.execv(argv[0], [*argv, *ARGUMENTS])
        self.shell = 0
        """The process group of the shell at its prompt; behind a sandbox it is not the child's."""
        os.set_blocking(self.terminal, False)
        ended, told = os.pipe()
        self.ended = ended
        os.set_blocking(told, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(told)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def run(self) -> int:
        """Until the shell has ended; its exit status."""
        ended = status = 0
        self.take()
        while not ended:
            limit = IDLE if self.waits() else None
            free = [self.terminal] if self.pending else []
            ready, free, _ = select.select([self.terminal, self.wake, self.ended], free, [], limit)
            if not ready and not free:
                os.kill(self.child, signal.SIGHUP)
            if free:
                self.write()
            if self.terminal in ready and not self.read():
                _, status = os.waitpid(self.child, 0)
                break
            if self.wake in ready:
                os.read(self.wake, 4096)
                self.take()
            if self.ended in ready:
                os.read(self.ended, 4096)
                ended, status = os.waitpid(self.child, os.WNOHANG)
        while select.select([self.terminal], [], [], 0)[0] and self.read():
            continue
        return os.waitstatus_to_exitcode(status) % 256

    def read(self) -> bool:
        """Hands on what the terminal writes; False once nothing writes to it any more."""
        try:
            data = os.read(self.terminal, 65536)
        except BlockingIOError:
            return True
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return False
        try:
            written = 0
            while written < len(data):
                written += os.write(1, data[written:])
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise  # a full disk loses output, not the terminal
        self.recent += data
        if self.mark.search(self.recent):
            self.idle, self.recent = True, b""
            self.pending = b""  # it was meant for the program that has ended
        self.recent = self.recent[-LONGEST:]
        if self.idle and not self.begun:
            self.begun, self.shell = True, os.tcgetpgrp(self.terminal)
            self.take()
        return bool(data)

    def waits(self) -> bool:
        """Whether the shell waits at its prompt, and nothing else has the terminal."""
        return self.idle and os.tcgetpgrp(self.terminal) == self.shell

    def take(self) -> None:
        """Types what waits to be typed; before the first prompt it goes on waiting."""
        if not self.begun:
            return
        for name in sorted(os.listdir(self.spool)):
            if name.startswith("type."):
                ident = name.partition(".")[2]
                kind, _, text = self.text(name).partition(b"\n")
                if self.claim(ident):
                    self.type(ident, kind.decode(), text)
                os.unlink(os.path.join(self.spool, name))

    def claim(self, ident: str) -> bool:
        """Whether it falls to this program to type it."""
        try:
            os.close(os.open(self.path(f"typed.{ident}"), os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return False
        return True

    def type(self, ident: str, kind: str, text: bytes) -> None:
        """Types it, unless the shell does not wait for that."""
        offset = os.fstat(1).st_size
        refused = ""
        if kind == "command" and not self.waits():
            refused = "busy"
        elif kind == "keys" and self.waits():
            refused = "idle"
        self.put(f"took.{ident}", f"{offset} {refused}\n".encode())
        if refused:
            return
        if kind == "command":
            script = self.path(f"run.{ident}")
            mark = f"printf '\\033]133;C;{ident}\\007'\n".encode()
            self.put(f"run.{ident}", mark + text + b"\n")
            self.idle, self.recent = False, b""
            text = f" . {shlex.quote(script)}\n".encode()
        self.pending += text
        self.write()

    def write(self) -> None:
        """Types as much as is taken now."""
        with contextlib.suppress(BlockingIOError):
            self.pending = self.pending[os.write(self.terminal, self.pending[:512]) :]

    def put(self, name: str, data: bytes) -> None:
        """Makes a file that is whole as soon as it is there."""
        scratch = self.path(f"new.{name}")
        with open(os.open(scratch, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
        os.rename(scratch, self.path(name))

    def text(self, name: str) -> bytes:
        """What a file holds."""
        with open(self.path(name), "rb") as file:
            return file.read()

    def path(self, name: str) -> str:
        """The file of this name."""
        return os.path.join(self.spool, name)


def main() -> int:
    """Runs the terminal that the arguments describe."""
    spool, columns, rows, *argv = sys.argv[1:]
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    return Host(spool, int(columns), int(rows), argv).run()


if __name__ == "__main__":
    sys.exit(main())
