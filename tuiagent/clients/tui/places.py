"""Where a person goes from a screen: to another session, a place in it, or a moment of it."""

import argparse
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, cast

from tuiagent.clients.begin import begin, forked, left, place, words
from tuiagent.clients.find import named as found
from tuiagent.clients.find import newest, watched
from tuiagent.clients.tui.bridge import Desk
from tuiagent.clients.tui.transcript import Talk
from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.event import CaughtUp, Event, Seen
from tuiagent.kernel.lifecycle import Origin
from tuiagent.kernel.session import OpenSession
from tuiagent.ports import Client
from tuiagent.views.timeline import item_of

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp


def named(args: argparse.Namespace) -> bool:
    """Whether the arguments name a session that is there already."""
    return bool(args.newest or args.resume or args.fork) or args.attach is not None


async def see(desk: Desk, args: argparse.Namespace) -> None:
    """Shows the session that the arguments name, before anything is done in it.

    From now on they name it by its id. What they say wrongly is told by `arrive`.
    """
    client, folder = desk.client, place(args, desk.host)
    with suppress(TuiagentError, OSError):
        if args.attach is not None:
            row = await watched(client, args.attach, folder)
            args.attach = row["stream"].partition("/")[2]
        elif args.newest or args.resume:
            row = await (found(client, args.resume) if args.resume else newest(client, folder))
            args.newest, args.resume = False, row["stream"].partition("/")[2]
        else:
            return
        await desk.open(row["stream"])


async def arrival(desk: Desk, args: argparse.Namespace) -> str:
    """The session that the arguments name, begun or taken up; "" for none yet."""
    client, host = desk.client, desk.host
    if args.attach is not None:
        return (await watched(client, args.attach, place(args, host)))["stream"]
    if args.newest or args.resume or args.fork or args.prompt:
        begun = await begin(client, args, host, await words(client, args, host))
        return begun.stream
    row = await left(client, args, host)
    return row["stream"] if row else ""


async def arrive(app: "TuiApp", give_back: Callable[[str], None]) -> None:
    """Goes where the arguments say; gives back what could not be said."""

    async def go() -> None:
        shown = app.desk.conversation
        stream = await arrival(app.desk, app.args)
        if stream and (shown is None or shown.stream != stream):
            await app.desk.open(stream)

    if not await app.desk.attempt(go()) and app.args.prompt:
        give_back(app.args.prompt)


async def resume(app: "TuiApp", stream: str, position: int = 0) -> None:
    """Goes on with a session, at the event in this position; 0 is its end."""
    if app.desk.conversation is None or app.desk.conversation.stream != stream:
        await app.desk.open(stream)
    if position:
        go_to(app, await item_at(app.desk.client, stream, position))


async def show_item(app: "TuiApp", stream: str, item: str) -> None:
    """Goes on with a session, at this item of its transcript."""
    await resume(app, stream)
    go_to(app, item)


async def fork(app: "TuiApp", stream: str, folder: str, model: str, position: int = 0) -> None:
    """Begins another session where this one stood at a position; 0 is now."""
    desk = app.desk
    position = position or (await desk.client.read("sessions", stream)).position
    opened = forked(desk.host.opening(folder), Origin(stream, position), folder, model)
    fresh = f"session/{desk.host.new_id()}"
    if await desk.send(OpenSession(fresh, opened)):
        await desk.open(fresh)


def tell_page(app: "TuiApp") -> None:
    """Lets the page of a browser know which session is shown, where the app is in one."""
    tell = getattr(app._driver, "session", None)
    if tell is not None:
        tell(app.desk.conversation.stream.partition("/")[2] if app.desk.conversation else "")


def scrub(app: "TuiApp", stream: str, position: int = 0) -> None:
    """Shows a session as of one of its events; 0 is the last."""
    from tuiagent.clients.tui.screens.scrub import Scrub  # noqa: PLC0415 - few need it

    app.push_screen(Scrub(stream, position))


def go_to(app: "TuiApp", item: str) -> None:
    """Shows this item of the conversation at hand."""
    app.action_pane("conversation")
    app.query_one(Talk).go_to(item)


async def item_at(client: Client, stream: str, position: int) -> str:
    """The id of the item that tells of the event in this position; "" for none."""
    watch = cast(AsyncGenerator[Seen], client.watch(stream, position - 1))
    async with aclosing(watch):
        async for seen in watch:
            if isinstance(seen, Event):
                return item_of(seen) if seen.position == position else ""
            if isinstance(seen, CaughtUp):
                break
    return ""
