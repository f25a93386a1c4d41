"""One prompt without a screen: the answer alone on standard output."""

import argparse
import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tuiagent.clients.begin import Begun, attached, began, begin, place
from tuiagent.clients.cli import DONE, NEEDS_PERSON
from tuiagent.clients.cli.follow import Follow
from tuiagent.clients.cli.printers import Printer, printer
from tuiagent.clients.console import Console
from tuiagent.clients.host import Host
from tuiagent.clients.slash import said
from tuiagent.kernel.errors import ConfigError, Refused, StoreError, TuiagentError
from tuiagent.kernel.event import CaughtUp, Event
from tuiagent.kernel.presence import GONE, ShowPresence
from tuiagent.kernel.run import Halted, InterruptRun, RunStarted
from tuiagent.ports import Client

if TYPE_CHECKING:
    from tuiagent.clients.cli.answer import Wanted

NOTHING = """\
say what to do: tuiagent --headless PROMPT, or tuiagent alone for the screen (with --plain for \
lines)"""
HUNG_UP = 128 + signal.SIGHUP


async def run(client: Client, args: argparse.Namespace, host: Host) -> int:
    """Opens or resumes a session, submits the prompt, and follows its run to the end."""
    console = host.console
    given = args.prompt if args.headless in (None, "-", "") and args.prompt else args.headless
    text = await _text(given, console)
    text = "\n\n".join([text, *attached(args.file, console.folder)] if text else [])
    if not text and not (args.newest or args.resume):
        raise ConfigError(NOTHING)
    wanted = None
    if args.output_schema:
        from tuiagent.clients.cli.answer import Wanted  # noqa: PLC0415 - few want one

        wanted = Wanted(args.output_schema, console.folder)
        await wanted.check()
        text = wanted.asked(text) if text else ""
    if args.detach:
        return await _detached(args, host, text)
    text = await said(client, place(args, host), text)
    begun = await begin(client, args, host, text, wanted.schema if wanted else None)
    if (args.once or not text) and not await host.adopt(begun.stream):
        console.tell("tuiagent: another process drives this session: following it")
    return await _follow(client, begun, host, printer(args.output, console), wanted)


async def _detached(args: argparse.Namespace, host: Host, text: str) -> int:
    """Has the background server do it; prints the run's id at once."""
    if not text:
        raise ConfigError("say what to do: tuiagent --headless PROMPT --detach")
    server = await host.background(place(args, host))
    text = await said(server, place(args, host), text)
    began(await begin(server, args, host, text), args.output, host.console)
    return DONE


async def _follow(
    client: Client, begun: Begun, host: Host, out: Printer, wanted: "Wanted | None"
) -> int:
    """Prints what happens until the run is over, needs a person, or is interrupted."""
    left = _on_signals(client, begun.stream, host.console)
    here = ShowPresence(begun.stream, host.new_id(), f"{client.actor}, headless")
    await client.submit(here)
    watching = asyncio.create_task(_watch(client, begun, host.console, out, wanted))
    try:
        await asyncio.wait({watching, left}, return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            return watching.result()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        with suppress(OSError, TuiagentError):
            await client.submit(replace(here, doing=GONE))
    if left.result() == HUNG_UP:
        with suppress(OSError, TuiagentError):  # nobody is there to be told: what is begun is kept
            await host.hand_over(await host.background())
    else:
        ident = begun.stream.partition("/")[2]
        host.console.tell(f"\ntuiagent: left; go on with: tuiagent --headless --resume {ident}")
    return left.result()


async def _watch(
    client: Client, begun: Begun, console: Console, out: Printer, wanted: "Wanted | None"
) -> int:
    """Follows the run of this prompt or, without one, the last run of the session."""
    stream = begun.stream
    follow = Follow(begun.prompt)
    live = False
    async for seen in client.watch(stream, begun.after):
        out.seen(seen, follow)
        await console.taken()
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


def _on_signals(client: Client, stream: str, console: Console) -> "asyncio.Future[int]":
    """The code to leave with: a first Ctrl-C only cancels the run, all else leaves at once.

    After a hang-up, a background server goes on with the run.
    """
    loop = asyncio.get_running_loop()
    left: asyncio.Future[int] = loop.create_future()
    tasks: list[asyncio.Task[None]] = []

    async def cancel() -> None:
        try:
            await client.submit(InterruptRun(stream, cancel=True))
        except Refused:
            return  # it ended by itself meanwhile

    def heard(number: int) -> None:
        if number == signal.SIGINT and not tasks:
            tasks.append(loop.create_task(cancel()))
        elif not left.done():
            left.set_result(128 + number)

    console.listen(heard)
    return left


async def _text(given: str | None, console: Console) -> str:
    """The prompt: what was given, and what is piped in; beside a prompt, what is there already."""
    piped = "" if given is None else await console.piped(wait=given == "-")
    if given in (None, "-"):
        return piped
    return f"{given}\n\n{piped}" if piped.strip() else given
