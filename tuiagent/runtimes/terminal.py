"""Terminals that outlive the engine: an execution whose command is a shell in a terminal."""

import asyncio
import contextlib
import os
import shlex
import sys
from collections.abc import Sequence

from tuiagent.kernel.errors import OutcomeUnknownError, ToolError
from tuiagent.ports import Typed
from tuiagent.runtimes.spool import Spool

HOST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "terminal_host.py")
LOOK = 0.01
"""Seconds between two looks whether something was typed."""
VOID = b"void\n"


def command(spool: str, argv: Sequence[str], size: tuple[int, int]) -> str:
    """What runs the terminal under the wrapper, with this shell, perhaps behind a sandbox, in it.

    Raises ToolError where there is no bash.
    """
    if not argv[-1].endswith("/bash"):
        raise ToolError("A terminal needs bash, and there is none on this machine.")
    words = [sys.executable, "-IS", HOST, spool, *map(str, size), *argv]
    return f"exec {shlex.join(words)}"


async def type_into(spool: Spool, ident: str, kind: str, text: str) -> Typed:
    """Has it typed, and says what became of it; see terminal_host. Raises ToolError."""
    if not spool.held():
        raise ToolError("The terminal has ended.")
    try:
        body = text.encode()
    except UnicodeEncodeError as error:
        raise ToolError("The text holds half a character (a lone surrogate).") from error
    _put(spool, f"type.{ident}", kind.encode() + b"\n" + body)
    with contextlib.suppress(OSError):  # before it listens it looks by itself
        wake = os.open(_path(spool, "wake"), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.write(wake, b"\n")
        finally:
            os.close(wake)
    return await _took(spool, ident)


async def typed(spool: Spool, ident: str) -> Typed | None:
    """What became of it; None when it never was typed and never will be."""
    if not os.path.isdir(spool.folder):
        return None
    scratch = _path(spool, f"new.void.{ident}")
    with open(os.open(scratch, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
        file.write(VOID)
    try:
        os.link(scratch, _path(spool, f"typed.{ident}"))
        return None
    except FileExistsError:
        with open(_path(spool, f"typed.{ident}"), "rb") as file:
            if file.read() == VOID:
                return None
    finally:
        os.unlink(scratch)
    return await _took(spool, ident)


async def _took(spool: Spool, ident: str) -> Typed:
    """What the host says that it took."""
    while True:
        held = spool.held()
        try:
            with open(_path(spool, f"took.{ident}"), encoding="ascii") as file:
                offset, refused = file.read().rstrip("\n").split(" ")
            return Typed(int(offset), refused)
        except FileNotFoundError:
            if not held and os.path.exists(_path(spool, f"typed.{ident}")):
                raise OutcomeUnknownError("the terminal ended just as that was typed") from None
            if not held:
                raise ToolError("The terminal has ended; nothing was typed.") from None
        await asyncio.sleep(LOOK)


def _put(spool: Spool, name: str, data: bytes) -> None:
    scratch = _path(spool, f"new.{name}")
    with open(os.open(scratch, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    os.rename(scratch, _path(spool, name))


def _path(spool: Spool, name: str) -> str:
    return os.path.join(spool.folder, name)
