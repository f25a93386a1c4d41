"""One prompt without a screen: the answer alone on standard output."""

import argparse
import asyncio
import os
import signal
import sys

import msgspec

from tuiagent.clients.cli import CANCELLED, DONE, NEEDS_PERSON, USAGE, Host
from tuiagent.clients.cli.find import named, newest
from tuiagent.clients.cli.follow import Follow
from tuiagent.clients.cli.printers import Printer, printer
from tuiagent.kernel.errors import ConfigError, Refused, StoreError
from tuiagent.kernel.event import CaughtUp, Event, Seen
from tuiagent.kernel.grants import ConfigureRules
from tuiagent.kernel.lifecycle import Origin, SessionOpened
from tuiagent.kernel.rules import Rule
from tuiagent.kernel.run import Halted, InterruptRun
from tuiagent.kernel.session import ChangeMode, ChangeModel, OpenSession, SubmitPrompt
from tuiagent.ports import Client

NO_MODEL = """\
tuiagent: there is no model yet. Set OPENAI_API_KEY, or OPENAI_BASE_URL for any compatible server
(a local one needs no key), or name one with --model PROVIDER/MODEL.
To see how it works without one: --model scripted/tour (a scripted model, not an AI)."""


ATTACHED = 1 << 20
"""Bytes of a file that is read along."""


async def run(client: Client, args: argparse.Namespace, host: Host) -> int:
    """Opens or resumes a session, submits the prompt, and follows its run to the end."""
    text = _text(args.prompt if args.headless in (None, "-", "") and args.prompt else args.headless)
    text = "\n\n".join([text, *(_attached(path) for path in args.file)] if text else [])
    resumed = args.newest or args.resume
    if not text and not resumed:
        return _usage(
            "say what to do: tuiagent --headless PROMPT (the full screen is not built yet)"
        )
    settings = host.settings
    if not resumed and not settings.model and not args.fork:
        return _usage(NO_MODEL, plain=True)
    if settings.mode == "auto" and not args.no_sandbox:
        return _usage("mode auto needs --no-sandbox: there is no sandbox yet to confine it")
    limited, model = settings.limits.cost, settings.model
    if limited and not (await client.read("prices", model)).data["known"]:
        return _usage(
            f"the price of {model} is not known, so no limit of money can be kept: set "
            f"input_price and output_price in [providers.{model.partition('/')[0]}]"
        )
    if not os.path.isdir(args.cwd):
        return _usage(f"{args.cwd} is not a folder")
    if not resumed:
        stream = f"session/{_ident(args.once, host)}"
        opening = await _opening(client, args, host)
        after = await _open(client, OpenSession(stream, opening), args.once)
    else:
        folder = os.path.realpath(args.cwd)
        row = await (named(client, args.resume) if args.resume else newest(client, folder))
        stream, after = row["stream"], 0
        await _change(client, stream, args, host.rules(row["folder"]))
    prompt = _ident(args.once, host)
    if text:
        submit = SubmitPrompt(stream, prompt, text, limits=settings.limits)
        await client.submit(submit, args.once)
    if (args.once or not text) and not await host.adopt(stream):
        print("tuiagent: another process drives this session: following it", file=sys.stderr)
    return await _follow(client, stream, after, prompt if text else "", printer(args.output))


async def _opening(client: Client, args: argparse.Namespace, host: Host) -> SessionOpened:
    """How the new session begins: as the flags say, perhaps where another one stands now."""
    opening = msgspec.structs.replace(host.opening(args.cwd), name=args.name)
    if not args.fork:
        return opening
    row = await named(client, args.fork)
    position = (await client.read("sessions")).position
    return msgspec.structs.replace(
        opening,
        folder=opening.folder if args.cwd != "." else row["folder"],
        model=opening.model or row["model"],
        origin=Origin(row["stream"], position),
    )


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
    client: Client, stream: str, args: argparse.Namespace, rules: tuple[Rule, ...]
) -> None:
    """Lets the flags and rules of now hold for the session that is resumed."""
    await client.submit(ConfigureRules(stream, rules))
    if args.mode:
        await client.submit(ChangeMode(stream, args.mode))
    if args.model:
        await client.submit(ChangeModel(stream, args.model))


async def _follow(client: Client, stream: str, after: int, prompt: str, out: Printer) -> int:
    """Prints what happens until the run is over, needs a person, or is interrupted."""
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    _on_signals(client, stream, ended)
    task = asyncio.create_task(_watch(client, stream, after, prompt, out))
    await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    ident = stream.partition("/")[2]
    print(f"\ntuiagent: left; go on with: tuiagent --headless --resume {ident}", file=sys.stderr)
    return ended.result()


async def _watch(client: Client, stream: str, after: int, prompt: str, out: Printer) -> int:
    """Follows the run of this prompt or, without one, the last run of the session."""
    follow = Follow(prompt)
    live = False
    async for seen in client.watch(stream, after):
        out.seen(seen, follow)
        if isinstance(seen, Event):
            follow = _apply(follow, seen, prompt)
        elif isinstance(seen, Halted):
            raise StoreError(f"{seen.why}; then: tuiagent --resume {stream.partition('/')[2]}")
        elif isinstance(seen, CaughtUp):
            live = True
            out.live()
        if live and (follow.status or follow.waits or not follow.run):
            out.end(stream, follow)
            return follow.exit if follow.run else DONE
    return NEEDS_PERSON


def _apply(follow: Follow, event: Event, prompt: str) -> Follow:
    """Without a prompt of our own, each run that begins is the one to follow."""
    name = event.kind
    if not prompt and name == "RunStarted":
        follow = Follow(event.fact.run)  # type: ignore[attr-defined]
    follow.apply(event)
    return follow


def _on_signals(client: Client, stream: str, ended: "asyncio.Future[int]") -> None:
    """The first Ctrl-C cancels the run, a second one leaves; TERM and HUP leave at once."""
    loop = asyncio.get_running_loop()
    tasks: list[asyncio.Task[None]] = []

    async def cancel() -> None:
        try:
            await client.submit(InterruptRun(stream, cancel=True))
        except Refused:
            return  # it ended by itself meanwhile

    def interrupt() -> None:
        if tasks:
            _leave(CANCELLED)
        else:
            tasks.append(loop.create_task(cancel()))

    def _leave(code: int) -> None:
        if not ended.done():
            ended.set_result(code)

    loop.add_signal_handler(signal.SIGINT, interrupt)
    for name in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(name, _leave, 128 + name)


def _text(given: str | None) -> str:
    """The prompt: what was given, and what is piped in."""
    piped = "" if sys.stdin is None or sys.stdin.isatty() else _piped(given)
    if given in (None, "-"):
        return piped
    return f"{given}\n\n{piped}" if piped.strip() else given or ""


def _attached(path: str) -> str:
    """A file's text with its name. Raises ConfigError."""
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > ATTACHED:
            raise ConfigError(f"--file {path}: it is not a regular file of at most 1 MiB")
        with open(path, encoding="utf-8") as file:
            return f'<file path="{path}">\n{file.read()}\n</file>'
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--file {path} cannot be read as text: {error}") from error


def _piped(given: str | None) -> str:
    """Standard input when it is a pipe or a file; with a prompt, only what is there already."""
    if given in (None, "-"):
        return sys.stdin.read() if given == "-" else ""
    import select  # noqa: PLC0415

    ready, _, _ = select.select([sys.stdin], [], [], 0)
    return sys.stdin.read() if ready else ""


def _usage(text: str, plain: bool = False) -> int:
    print(text if plain else f"tuiagent: {text}", file=sys.stderr)
    return USAGE


__all__ = ["Seen", "run"]
