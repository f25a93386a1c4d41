"""`sessions export` and `sessions import`: a session as a file."""

import argparse
import os
import stat

import msgspec

from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE
from tuiagent.clients.cli.printers import say
from tuiagent.clients.exported import told
from tuiagent.clients.find import every, named
from tuiagent.clients.host import Host
from tuiagent.clients.whole import write
from tuiagent.kernel.errors import ConfigError, Conflict
from tuiagent.kernel.transfer import LARGEST, ImportSession, header
from tuiagent.ports import Client


async def export(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`sessions export NAME-OR-ID [FILE]`: to read, to work with, to be imported or replayed."""
    if not 1 <= len(args.words) <= 2:
        raise ConfigError("say which session: tuiagent sessions export NAME-OR-ID [FILE]")
    if args.replay and (args.format or len(args.words) == 2):
        raise ConfigError("--replay FILE goes with neither --format nor another file")
    row = await named(client, args.words[0])
    text, word = await told(client, row, "replay" if args.replay else args.format)
    path = args.replay or (args.words[1] if len(args.words) == 2 else "")
    if not path:
        say(text)
        return DONE
    write(path, text.encode("utf-8", "replace"), args.force)
    say(clean(f"{row['stream'].partition('/')[2]} is in {path}, {word}\n"))
    return DONE


async def bring_in(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`sessions import FILE`: what was exported as events lives on here, as history."""
    if len(args.words) != 1:
        raise ConfigError("say which file: tuiagent sessions import FILE")
    path = args.words[0]
    lines = lines_of(path, LARGEST)
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


def lines_of(path: str, largest: int) -> tuple[bytes, ...]:
    """The lines of a file that may be anything, in so many bytes. Raises ConfigError."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(file, "rb") as opened:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode) or found.st_size > largest:
                raise ConfigError(f"{path} is not a regular file of at most {largest >> 20} MiB")
            body = opened.read(largest + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    *lines, rest = body.split(b"\n")
    if rest:
        raise ConfigError(f"{path} was cut off in line {len(lines) + 1}; nothing of it was taken")
    return tuple(lines)
