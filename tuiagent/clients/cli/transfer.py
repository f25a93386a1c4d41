"""`sessions export` and `sessions import`: a session as a file."""

import argparse
import contextlib
import os
import stat
from typing import Any

import msgspec

from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE, Host
from tuiagent.clients.cli.find import ALL, every, named
from tuiagent.clients.cli.markdown import markdown
from tuiagent.clients.cli.printers import say
from tuiagent.kernel.errors import ConfigError, Conflict
from tuiagent.kernel.transfer import LARGEST, ImportSession, header
from tuiagent.ports import Client


async def export(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`sessions export NAME-OR-ID [FILE]`: to read, to work with, or to be imported."""
    if not 1 <= len(args.words) <= 2:
        raise ConfigError("say which session: tuiagent sessions export NAME-OR-ID [FILE]")
    row = await named(client, args.words[0])
    if args.format == "events":
        lines = (await client.read("export", row["stream"])).data
        text = "\n".join(lines) + "\n"
    else:
        items = (await client.read("transcript", row["stream"], ALL)).data
        text = _shown(row, items, args.format)
    if len(args.words) == 1:
        say(text)
        return DONE
    path = args.words[1]
    _write(path, text.encode("utf-8", "replace"), args.force)
    ident = row["stream"].partition("/")[2]
    say(clean(f"{ident} is in {path}, with everything that was said in it, secrets too\n"))
    return DONE


def _shown(row: dict[str, Any], items: list[dict[str, Any]], kind: str) -> str:
    return msgspec.json.encode(items).decode() + "\n" if kind == "json" else markdown(row, items)


async def bring_in(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`sessions import FILE`: what was exported as events lives on here, as history."""
    if len(args.words) != 1:
        raise ConfigError("say which file: tuiagent sessions import FILE")
    path = args.words[0]
    lines = _lines(path)
    told = header(lines)
    taken = any(row["name"] == told.name for row in await every(client) if told.name)
    opened = msgspec.structs.replace(host.opening("."), name="" if taken else told.name)
    stream = told.stream
    try:
        await client.submit(ImportSession(stream, opened, lines))
    except Conflict:
        stream = f"session/{host.new_id()}"
        await client.submit(ImportSession(stream, opened, lines))
    ident = stream.partition("/")[2]
    say(clean(f"{path}: {told.facts} facts and {told.blobs} blobs are here as session {ident}\n"))
    if stream != told.stream:
        say(clean(f"(its own id, {told.stream.partition('/')[2]}, cannot be had here)\n"))
    if taken:
        say(clean(f"(there is a session called {told.name!r} here already, so it has no name)\n"))
    say(f"go on with: tuiagent --resume {ident}\n")
    return DONE


def _lines(path: str) -> tuple[bytes, ...]:
    """The lines of a file that may be anything. Raises ConfigError."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(file, "rb") as opened:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
                raise ConfigError(f"{path} is not a regular file of at most {LARGEST >> 20} MiB")
            body = opened.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    *lines, rest = body.split(b"\n")
    if rest:
        raise ConfigError(f"{path} was cut off in line {len(lines) + 1}; nothing was imported")
    return tuple(lines)


def _write(path: str, body: bytes, force: bool) -> None:
    """A private file, whole or not at all; one that is there stays unless forced."""
    scratch = f"{path}.{os.getpid()}.part"
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with open(os.open(scratch, flags, 0o600), "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        if not force:
            os.close(os.open(path, flags, 0o600))  # nobody else has this name from here on
        os.replace(scratch, path)
    except FileExistsError as error:
        raise ConfigError(f"{error.filename} is there already; --force replaces it") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(scratch)  # only where it did not get its name
