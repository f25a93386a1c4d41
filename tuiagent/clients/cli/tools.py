"""The tools that agents have: lists them, and adds or removes people's own."""

import argparse
import hashlib
import os

from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE
from tuiagent.clients.cli.printers import say, say_json
from tuiagent.clients.host import Host
from tuiagent.kernel.errors import ConfigError
from tuiagent.kernel.standing import STREAM, DistrustFile, TrustFile
from tuiagent.ports import Client


async def run(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`tools list`, `tools add FILE`, `tools remove FILE`."""
    if args.what == "list":
        return await _list(client, args.output)
    if not args.file:
        raise ConfigError(f"say which file: tuiagent tools {args.what} FILE")
    path = os.path.realpath(args.file)
    if args.what == "remove":
        await client.submit(DistrustFile(STREAM, path))
        say(clean(f"{path} is trusted no more\n"))
        return DONE
    if os.path.exists(path) and not os.path.isfile(path):
        raise ConfigError(f"{path} is not a regular file")
    try:
        with open(path, "rb") as file:
            sha256 = hashlib.sha256(file.read()).hexdigest()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    await client.submit(TrustFile(STREAM, path, sha256))
    say(clean(f"{path} is trusted as it is now; from the next start on agents have its tools\n"))
    return DONE


async def _list(client: Client, output: str) -> int:
    rows = (await client.read("tools")).data
    if output == "json":
        say_json(rows)
        return DONE
    for row in rows["tools"]:
        first = row["description"].partition("\n")[0]
        say(clean(f"{row['name']:<12} {row['effect']:<8} {first[:90]}\n"))
    for row in rows["offered"]:
        names = ", ".join(row["tools"]) or "no tools"
        problem = f"  NOT ALL: {row['problem']}" if row["problem"] else ""
        say(clean(f"{row['source']}: {names}{problem}\n"))
    return DONE
