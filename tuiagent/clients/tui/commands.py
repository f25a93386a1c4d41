"""The commands that begin with a slash; the palette offers the same."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from msgspec import Struct

from tuiagent.clients import lending
from tuiagent.clients.tui import themes
from tuiagent.kernel.effort import ChangeEffort
from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.event import Intent
from tuiagent.kernel.lifecycle import NameSession
from tuiagent.kernel.message import EFFORTS, Diff
from tuiagent.kernel.policy import MODES
from tuiagent.kernel.run import InterruptRun
from tuiagent.kernel.session import ChangeMode, ChangeModel, ShortenConversation
from tuiagent.kernel.undo import UndoCall

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp

Do = Callable[["TuiApp", str], Awaitable[None]]
"""What a command does with what stands behind its name. Raises TuiagentError."""


class Command(Struct, frozen=True):
    """One command."""

    help: str
    do: Do
    takes: str = ""
    """What may stand behind its name."""
    values: Callable[["TuiApp"], Sequence[str]] | None = None
    """What that can be, where there is a choice."""


def _action(name: str) -> Do:
    """An action of the app, which has a screen for it."""

    async def do(app: "TuiApp", rest: str) -> None:
        method = getattr(app, f"action_{name}")
        done = method(rest) if rest else method()
        if inspect.isawaitable(done):
            await done

    return do


def _intent(make: Callable[[str, str], Intent], screen: str = "") -> Do:
    """An intent for the session at hand; without a word it is the screen's, where there is one."""

    async def do(app: "TuiApp", rest: str) -> None:
        if screen and not rest:
            await _action(screen)(app, "")
            return
        if app.desk.conversation is None:
            raise TuiagentError("there is no session yet: say something first")
        await app.desk.send(make(app.desk.conversation.stream, rest))

    return do


def _compact(stream: str, rest: str) -> Intent:
    return ShortenConversation(stream)


def _interrupt(stream: str, rest: str) -> Intent:
    return InterruptRun(stream)


async def _new(app: "TuiApp", rest: str) -> None:
    await app.desk.leave()


async def _undo(app: "TuiApp", rest: str) -> None:
    """Undoes the call that is named, or the last one that changed a file."""
    conversation = app.desk.conversation
    items = conversation.items if conversation else []
    changed = (i.id for i in reversed(items) if any(isinstance(b, Diff) for b in i.blocks))
    call = rest or next(changed, "")
    if not call:
        raise TuiagentError("no call has changed a file here yet")
    await _intent(UndoCall)(app, call)


async def _tools(app: "TuiApp", rest: str) -> None:
    """Has the model be told of tools that came since its prompt began."""
    conversation = app.desk.conversation
    if conversation is None:
        raise TuiagentError("there is no session yet: its first prompt has all tools")
    app.notify(await lending.renew(app.desk.client, conversation.stream), markup=False)


async def _copy(app: "TuiApp", rest: str) -> None:
    conversation = app.desk.conversation
    items = conversation.items if conversation else []
    text = next((i.text for i in reversed(items) if i.kind == "reply" and i.text), "")
    if not text:
        raise TuiagentError("there is no answer yet to be copied")
    app.copy_to_clipboard(text)


def _prompted(name: str) -> Do:
    """Has the words of a server's prompt stand in the editor, to be read and sent by the person."""

    async def do(app: "TuiApp", rest: str) -> None:
        server, _, prompt = name.partition(":")
        folder = app.desk.conversation.status.folder if app.desk.conversation else "."
        text = await lending.prompted(app.desk.client, server, prompt, rest, folder)
        app.query_one("Prompt").give_back(text)  # type: ignore[attr-defined]

    return do


def _themes(app: "TuiApp") -> Sequence[str]:
    return sorted(themes.files(app.desk.host.settings.home))


async def _theme(app: "TuiApp", rest: str) -> None:
    if not rest:
        await _action("theme")(app, "")
    else:
        await app.wear(rest)


COMMANDS: dict[str, Command] = {
    "compact": Command("make the conversation shorter", _intent(_compact)),
    "copy": Command("copy the last answer", _copy),
    "digest": Command("what happened while nobody was here", _action("digest")),
    "detach": Command("leave; the work goes on in the background", _action("detach")),
    "effort": Command(
        "how much the model thinks", _intent(ChangeEffort), "EFFORT", lambda app: EFFORTS
    ),
    "export": Command("write the session to a file", _action("export"), "FILE"),
    "fork": Command("go on from here in a copy of the session", _action("fork")),
    "help": Command("what keys and commands there are", _action("help")),
    "interrupt": Command("stop the run; what was said stays", _intent(_interrupt)),
    "jobs": Command("what runs in the background", _action("jobs")),
    "keys": Command("the keys of models", _action("keys")),
    "mcp": Command("servers that lend tools", _action("servers")),
    "mode": Command(
        "what may be done without asking", _intent(ChangeMode, "mode"), "MODE", lambda app: MODES
    ),
    "model": Command("let another model answer", _intent(ChangeModel, "models"), "PROVIDER/MODEL"),
    "new": Command("begin a new session", _new),
    "quit": Command("leave", _action("quit")),
    "rename": Command("give the session a name", _intent(NameSession), "NAME"),
    "resume": Command("go on with another session", _action("resume"), "SESSION"),
    "runs": Command("what was asked for, and what came of it", _action("runs")),
    "sessions": Command("all sessions", _action("sessions")),
    "settings": Command("every setting with its meaning", _action("settings")),
    "take": Command("drive a session that another process drives", _action("take")),
    "time": Command("the session as of any of its events", _action("scrub")),
    "theme": Command("how it looks", _theme, "THEME", _themes),
    "tools": Command("use the tools that servers lend now; the prompt's cache is lost", _tools),
    "trust": Command("what this folder's files would run, and whether they may", _action("trust")),
    "undo": Command("take back what a call did to files", _undo, "CALL"),
    "usage": Command("tokens and money", _action("usage")),
}
"""By name, without the slash."""


def find(name: str) -> Command:
    """The command of exactly this name. Raises TuiagentError, which names what is near."""
    if ":" in name:
        return Command("a prompt of an MCP server", _prompted(name))
    command = COMMANDS.get(name)
    if command is None:
        near = get_close_matches(name, COMMANDS, 1)
        hint = f"did you mean /{near[0]}?" if near else "/help lists them."
        raise TuiagentError(
            f"there is no command /{name}; {hint} To say it to the model, begin with a space."
        )
    return command
