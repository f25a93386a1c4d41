"""Opens a session, or takes one up again, as the flags say, and says the first words in it."""

import argparse
import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from tuiagent.clients.attach import images
from tuiagent.clients.console import Console
from tuiagent.clients.find import alone, named, newest
from tuiagent.clients.host import Host
from tuiagent.clients.slash import said as meant
from tuiagent.clients.slash import written
from tuiagent.kernel.effort import ChangeEffort, MoveProviders
from tuiagent.kernel.errors import ConfigError, Refused
from tuiagent.kernel.event import Intent
from tuiagent.kernel.grants import ChangeSandbox, ConfigureRules
from tuiagent.kernel.lifecycle import Origin, SessionOpened
from tuiagent.kernel.session import ChangeMode, ChangeModel, OpenSession, SubmitPrompt
from tuiagent.kernel.stall import ResumeRun
from tuiagent.ports import Client

NO_MODEL = """\
there is no model yet. Set OPENAI_API_KEY, or OPENAI_BASE_URL for any compatible server
(a local one needs no key), or name one with --model PROVIDER/MODEL.
To see how it works without one: --model scripted/tour (a scripted model, not an AI)."""
ATTACHED = 1 << 20
"""Bytes of a file that is read along."""


class Begun(NamedTuple):
    """Where a conversation is."""

    stream: str
    after: int
    """The position to watch it from."""
    prompt: str
    """The id of what was said; "" for nothing."""


async def begin(
    client: Client,
    args: argparse.Namespace,
    host: Host,
    text: str,
    schema: dict[str, Any] | None = None,
) -> Begun:
    """Opens or resumes the session and submits the text, unless it is "". Raises ConfigError.

    `schema` is a JSON schema that the answer should fit, where its provider can see to that.
    """
    if not (host.settings.model or args.newest or args.resume or args.fork):
        raise ConfigError(NO_MODEL)
    await check(client, args, host)
    prompt = _ident(args.once, host) if text else ""
    said = text.encode(errors="surrogateescape").decode(errors="replace")  # bytes of any sort

    files = await images(args.image, host.console.folder) if text else ()

    async def speak(stream: str) -> None:
        if prompt:
            more = {"limits": host.settings.limits, "files": files, "schema": schema}
            submit = SubmitPrompt(stream, prompt, said, **more)
            await client.submit(submit, args.once)

    if args.newest or args.resume:
        folder = place(args, host)
        row = await (named(client, args.resume) if args.resume else newest(client, folder))
        stream = row["stream"]
        await _change(client, stream, args, host.opening(row["folder"]))
        if args.skills and host.settings.flags:
            said = " ".join([*(f"#{name}" for name in host.settings.flags.skills), said])
        await speak(stream)
        return Begun(stream, 0, prompt)
    stream = f"session/{_ident(args.once, host)}"
    opening = OpenSession(stream, await _opening(client, args, host))
    # Begun in this order, and at once: one commit serves both.
    after, _ = await asyncio.gather(_open(client, opening, args.once), speak(stream))
    return Begun(stream, after, prompt)


def began(begun: Begun, output: str, console: Console) -> None:
    """Prints the run's id, or with `json` its session's as well."""
    ident = begun.stream.partition("/")[2]
    found = msgspec.json.encode({"session": ident, "run": begun.prompt}).decode()
    console.say((found if output == "json" else begun.prompt) + "\n")


async def words(client: Client, args: argparse.Namespace, host: Host) -> str:
    """What the arguments say first: the prompt, with what is read along, or what a command of
    people's own comes to; "" for nothing. Raises ConfigError.
    """
    if not args.prompt:
        return ""
    text = "\n\n".join([args.prompt, *attached(args.file, host.console.folder)])
    return await meant(client, place(args, host), text)


def attached(paths: list[str], folder: str) -> list[str]:
    """The texts of these files, each with its name. Raises ConfigError."""
    return [_attached(path, folder) for path in paths]


def place(args: argparse.Namespace, host: Host) -> str:
    """The folder to work in."""
    return os.path.realpath(os.path.join(host.console.folder, args.cwd))


async def check(client: Client, args: argparse.Namespace, host: Host) -> None:
    """Raises ConfigError for flags that cannot hold together here."""
    settings, folder = host.settings, place(args, host)
    if settings.mode == "auto" and not args.no_sandbox:
        found = (await client.read("sandbox", folder)).data
        if not found["sandbox"]:
            raise ConfigError(
                f"mode auto needs a sandbox, and there is none here: {found['why']}. To run "
                "commands unconfined all the same, say so: --no-sandbox"
            )
    limited, model = settings.limits.cost, settings.model
    if limited and model and not (await client.read("prices", model)).data["known"]:
        raise ConfigError(
            f"the price of {model} is not known, so no limit of money can be kept: set "
            f"input_price and output_price in [providers.{model.partition('/')[0]}]"
        )
    if args.skills:
        await _skills_exist(client, folder, settings.skills)
    if not os.path.isdir(folder):
        raise ConfigError(f"{args.cwd} is not a folder")
    if folder != folder.encode(errors="ignore").decode():
        raise ConfigError(f"{folder!a}: a folder whose name is not UTF-8 cannot be worked in")


async def _skills_exist(client: Client, folder: str, names: Sequence[str]) -> None:
    """Raises ConfigError for the name of a skill that there is not."""
    known = {one.name: one for one in await written(client, "skills", folder)}
    for name in names:
        if name not in known:
            from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else "see tuiagent skills list"
            raise ConfigError(f"there is no skill {name!r}; {hint}")
        if known[name].problem:
            raise ConfigError(f"the skill {name} cannot be used: {known[name].problem}")


def forked(opening: SessionOpened, origin: Origin, folder: str, model: str) -> SessionOpened:
    """How a session begins where another one, with this folder and model, stood."""
    model = opening.model or model
    return msgspec.structs.replace(opening, folder=folder, model=model, origin=origin)


async def left(client: Client, args: argparse.Namespace, host: Host) -> dict[str, Any] | None:
    """The row of this folder's session that goes on with nobody at it, driven here from now on.

    None when something else was asked for; one that another process drives is left to that.
    """
    if any((args.prompt, args.newest, args.resume, args.fork, args.name, args.new)):
        return None
    for row in reversed(await alone(client, place(args, host))):
        if await host.adopt(row["stream"]):
            await _change(client, row["stream"], args, host.opening(row["folder"]))
            return row
    return None


async def _opening(client: Client, args: argparse.Namespace, host: Host) -> SessionOpened:
    """How the new session begins: as the flags say, perhaps where another one stands now."""
    opening = msgspec.structs.replace(host.opening(place(args, host)), name=args.name)
    if not args.fork:
        return opening
    row = await named(client, args.fork)
    position = (await client.read("sessions")).position
    folder = opening.folder if args.cwd != "." else row["folder"]
    return forked(opening, Origin(row["stream"], position), folder, row["model"])


def _ident(once: str, host: Host) -> str:
    """A new id; with `once` the same one each time, so that a repetition finds what it made."""
    if not once:
        return host.new_id()
    import hashlib  # noqa: PLC0415

    return f"once{hashlib.sha256(once.encode()).hexdigest()[:16]}"


async def _open(client: Client, intent: OpenSession, once: str) -> int:
    """Opens the session, unless an earlier try with this `once` did; where to watch it from."""
    try:
        return await client.submit(intent) - 1
    except Refused:
        if not once:
            raise
        return 0


async def _change(
    client: Client, stream: str, args: argparse.Namespace, opening: SessionOpened
) -> None:
    """Lets the flags, rules, addresses and sandbox of now hold for the session that is resumed."""
    changes: list[Intent] = [
        ConfigureRules(stream, opening.rules),
        ChangeSandbox(stream, opening.sandbox),
        MoveProviders(stream, opening.credentials, opening.endpoints),
    ]
    if args.mode:
        changes.append(ChangeMode(stream, args.mode))
    if args.model:
        changes.append(ChangeModel(stream, args.model))
    if args.effort:
        changes.append(ChangeEffort(stream, args.effort))
    # At once: whoever drives it goes on after the first, and none of it is done as things were.
    await asyncio.gather(*map(client.submit, changes))
    with suppress(Refused):  # no run is going on in it
        await client.submit(ResumeRun(stream))


def _attached(path: str, folder: str) -> str:
    """A file's text with its name. Raises ConfigError."""
    place = os.path.join(folder, path)
    try:
        if not os.path.isfile(place) or os.path.getsize(place) > ATTACHED:
            raise ConfigError(f"--file {path}: it is not a regular file of at most 1 MiB")
        with open(place, encoding="utf-8") as file:
            return f'<file path="{path}">\n{file.read()}\n</file>'
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"--file {path} cannot be read as text: {why}") from error
