"""One prompt without a screen: the answer alone on standard output."""

import argparse
import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

from tuiagent.clients.cli import CANCELLED, DONE, NEEDS_PERSON, Host
from tuiagent.clients.cli.begin import Begun, attached, began, begin
from tuiagent.clients.cli.follow import Follow
from tuiagent.clients.cli.printers import Printer, printer
from tuiagent.kernel.errors import ConfigError, Refused, StoreError
from tuiagent.kernel.event import CaughtUp, Event
from tuiagent.kernel.run import Halted, InterruptRun, RunStarted
from tuiagent.ports import Client

if TYPE_CHECKING:
    from tuiagent.clients.cli.answer import Wanted

NOTHING = """\
say what to do: tuiagent --headless PROMPT, or tuiagent --plain to talk line by line (the full \
screen is not built yet)"""


async def run(client: Client, args: argparse.Namespace, host: Host) -> int:
    """Opens or resumes a session, submits the prompt, and follows its run to the end."""
    text = _text(args.prompt if args.headless in (None, "-", "") and args.prompt else args.headless)
    text = "\n\n".join([text, *attached(args.file)] if text else [])
    if not text and not (args.newest or args.resume):
        raise ConfigError(NOTHING)
    wanted = None
    if args.output_schema:
        from tuiagent.clients.cli.answer import Wanted  # noqa: PLC0415 - few want one

        wanted = Wanted(args.output_schema)
        await wanted.check()
        text = wanted.asked(text) if text else ""
    if args.detach:
        return await _detached(args, host, text)
    begun = await begin(client, args, host, text)
    if (args.once or not text) and not await host.adopt(begun.stream):
        print("tuiagent: another process drives this session: following it", file=sys.stderr)
    return await _follow(client, begun, printer(args.output), wanted)


async def _detached(args: argparse.Namespace, host: Host, text: str) -> int:
    """Has the background server do it; prints the run's id at once."""
    if not text:
        raise ConfigError("say what to do: tuiagent --headless PROMPT --detach")
    server = await host.background(os.path.realpath(args.cwd))
    began(await begin(server, args, host, text), args.output)
    return DONE


async def _follow(client: Client, begun: Begun, out: Printer, wanted: "Wanted | None") -> int:
    """Prints what happens until the run is over, needs a person, or is interrupted."""
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    _on_signals(client, begun.stream, ended)
    task = asyncio.create_task(_watch(client, begun, out, wanted))
    await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    ident = begun.stream.partition("/")[2]
    print(f"\ntuiagent: left; go on with: tuiagent --headless --resume {ident}", file=sys.stderr)
    return ended.result()


async def _watch(client: Client, begun: Begun, out: Printer, wanted: "Wanted | None") -> int:
    """Follows the run of this prompt or, without one, the last run of the session."""
    stream = begun.stream
    follow = Follow(begun.prompt)
    live = False
    async for seen in client.watch(stream, begun.after):
        out.seen(seen, follow)
        if isinstance(seen, Event):
            follow = _apply(follow, seen, begun.prompt)
        elif isinstance(seen, Halted):
            raise StoreError(f"{seen.why}; then: tuiagent --resume {stream.partition('/')[2]}")
        elif isinstance(seen, CaughtUp):
            live = True
            out.live()
        if not live or not (follow.status or follow.waits or not follow.run):
            continue
        if wanted and follow.status == "done" and await wanted.repaired(client, stream, follow):
            follow.again()
            continue
        out.end(stream, follow)
        return follow.exit if follow.run else DONE
    return NEEDS_PERSON


def _apply(follow: Follow, event: Event, prompt: str) -> Follow:
    """Without a prompt of our own, each run that begins is the one to follow."""
    fact = event.fact
    if not prompt and isinstance(fact, RunStarted) and fact.run != follow.run:
        follow = Follow(fact.run)
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
    if sys.stdin is None or sys.stdin.isatty():
        piped = ""
    else:
        sys.stdin.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
        piped = _piped(given)
    if given in (None, "-"):
        return piped
    return f"{given}\n\n{piped}" if piped.strip() else given or ""


def _piped(given: str | None) -> str:
    """Standard input when it is a pipe or a file; with a prompt, only what is there already."""
    if given in (None, "-"):
        return sys.stdin.read() if given == "-" else ""
    import select  # noqa: PLC0415

    ready, _, _ = select.select([sys.stdin], [], [], 0)
    return sys.stdin.read() if ready else ""
