"""`sessions export` and `sessions import`: a session as a file.

What is for reading and for being given away has placeholders for secrets. What is for being
imported is exact, or its chain would not hold.
"""

import argparse
import os
import stat
from typing import Any

import msgspec

from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE
from tuiagent.clients.cli.markdown import markdown
from tuiagent.clients.cli.printers import say
from tuiagent.clients.cli.whole import write
from tuiagent.clients.find import ALL, every, named
from tuiagent.clients.host import Host
from tuiagent.kernel.errors import ConfigError, Conflict
from tuiagent.kernel.mask import Mask
from tuiagent.kernel.replay import Header as Bundle
from tuiagent.kernel.replay import header as header_of
from tuiagent.kernel.transfer import LARGEST, ImportSession, header
from tuiagent.ports import Client


async def export(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`sessions export NAME-OR-ID [FILE]`: to read, to work with, to be imported or replayed."""
    if not 1 <= len(args.words) <= 2:
        raise ConfigError("say which session: tuiagent sessions export NAME-OR-ID [FILE]")
    if args.replay and (args.format or len(args.words) == 2):
        raise ConfigError("--replay FILE goes with neither --format nor another file")
    row = await named(client, args.words[0])
    text, told = await _told(client, row, "replay" if args.replay else args.format)
    path = args.replay or (args.words[1] if len(args.words) == 2 else "")
    if not path:
        say(text)
        return DONE
    write(path, text.encode("utf-8", "replace"), args.force)
    say(clean(f"{row['stream'].partition('/')[2]} is in {path}, {told}\n"))
    return DONE


async def _told(client: Client, row: dict[str, Any], kind: str) -> tuple[str, str]:
    """The session as a file of this kind, and what is to be known of that."""
    stream = row["stream"]
    if kind in ("events", "replay"):
        view = "export" if kind == "events" else "replay"
        lines = (await client.read(view, stream)).data
        text = "\n".join(lines) + "\n"
        if kind == "events":
            return text, "with everything that was said in it, secrets too"
        return text, _bundled(header_of(text.encode().split(b"\n")[:-1]))
    items = (await client.read("transcript", stream, ALL)).data
    mask = Mask()
    mask.learn(items)
    items = mask.value(items)
    text = msgspec.json.encode(items).decode() + "\n"
    return text if kind == "json" else markdown(mask.value(row), items), masked(mask.found)


def _bundled(told: Bundle) -> str:
    left_out = f"; {told.left_out} frames are there without their facts" if told.left_out else ""
    return f"{told.frames} frames, {masked(told.masked)}{left_out}; read it before you give it away"


def masked(found: dict[str, int]) -> str:
    """What was masked, in words."""
    listed = ", ".join(f"{name} {count}" for name, count in found.items())
    return f"masked: {listed}" if listed else "nothing in it was masked"


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
