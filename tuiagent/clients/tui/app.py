"""The app: four panes, a header and a footer, and what every screen can be asked to do."""

import argparse
import asyncio
import os
from typing import ClassVar

from tuiagent.clients.tui import spared  # isort: skip  # noqa: F401 - before textual.app
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.css.query import NoMatches
from textual.widget import Widget

from tuiagent.actions import misspelt
from tuiagent.clients.attach import images
from tuiagent.clients.host import Host
from tuiagent.clients.tui import places, themes
from tuiagent.clients.tui.approvals import ApprovalBar, Approvals
from tuiagent.clients.tui.bridge import Desk
from tuiagent.clients.tui.digest import DigestPanel
from tuiagent.clients.tui.files import Files
from tuiagent.clients.tui.layout import NARROW, WIDE, Layout, place_notices
from tuiagent.clients.tui.notices import Notices
from tuiagent.clients.tui.opens import Opens
from tuiagent.clients.tui.paint import ROOMY
from tuiagent.clients.tui.presence import OwnerBar
from tuiagent.clients.tui.prompt import Prompt
from tuiagent.clients.tui.prompt.chips import mention
from tuiagent.clients.tui.prompt.doing import on_its_way
from tuiagent.clients.tui.severed import ServerBar
from tuiagent.clients.tui.status import Footer, Header, Line, Tabs
from tuiagent.clients.tui.todo import TodoList
from tuiagent.clients.tui.trace import Trace
from tuiagent.clients.tui.transcript import Talk
from tuiagent.config_file import ScreenTable
from tuiagent.kernel.errors import ConfigError, TuiagentError
from tuiagent.kernel.run import InterruptRun
from tuiagent.ports import Client

PANES = {
    "files": "Files",
    "conversation": "Conversation",
    "trace": "Trace",
    "approvals": "Approvals",
}
"""The panes by id, with their titles, from left to right."""
PATIENCE = 0.5
"""Seconds that the first frame waits for a session that is named, so that it shows it."""


class TuiApp(Opens):
    """One person at one terminal."""

    CSS_PATH = "app.tcss"
    TITLE = "tuiagent"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, NARROW), (ROOMY, WIDE)]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", priority=True, id="quit"),
        Binding("ctrl+z", "suspend_process", "Stop, until fg", show=False, id="suspend"),
        Binding("escape", "interrupt", "Interrupt", id="interrupt"),
        Binding("ctrl+p", "palette", "Palette", id="palette"),
        Binding("f1", "help", "Help", id="help"),
        Binding("f2", "pane('files')", "Files", id="pane.files"),
        Binding("f3", "pane('trace')", "Trace", id="pane.trace"),
        Binding("f4", "pane('approvals')", "Approvals", id="pane.approvals"),
        Binding("f5", "pane('conversation')", "Talk", id="pane.conversation"),
        Binding("f6", "zoom", "Zoom", id="zoom"),
        Binding("f9", "grants", "Grants", show=False, id="grants"),
        Binding("f7", "context", "Context", show=False, id="context"),
        Binding("ctrl+y", "judge(True)", "Yes", show=False, priority=True, id="approve"),
        Binding("ctrl+n", "judge(False)", "No", show=False, priority=True, id="refuse"),
        Binding("f8", "changes", "Changes", id="changes"),
        Binding("ctrl+o", "sessions", "Sessions", priority=True, id="sessions"),
        Binding("ctrl+t", "scrub", "Time", id="scrub"),
        Binding("alt+d", "digest", "Digest", show=False, priority=True, id="digest"),
        Binding("alt+u", "usage", "Usage", priority=True, id="usage"),
        Binding("alt+t", "take", "Take over", show=False, priority=True, id="take"),
        Binding("ctrl+left", "resize(-2)", "Narrower", show=False, id="narrower"),
        Binding("ctrl+right", "resize(2)", "Wider", show=False, id="wider"),
    ]

    def __init__(self, client: Client, args: argparse.Namespace, host: Host) -> None:
        super().__init__()
        self.args = args
        self.detached = False
        """Whether what goes on is to go on in the background."""
        self.shown = "conversation"
        """The pane that has the screen where only one has room, or that is zoomed."""
        self.broken: TuiagentError | None = None
        """Why nothing could be begun."""
        self.last = ""
        """The id of the session that was shown at the end."""
        name = f"{client.actor} at {_where()}"
        self.desk = Desk(client, args, host, self, name)
        self.layout = Layout(host.settings.root)
        wished = host.settings.tui or ScreenTable()
        self.notices = Notices(self.desk, self, wished.notify)
        self.dress(self.layout.theme or wished.theme or themes.USUAL)
        self.set_keymap(wished.keys)
        self.wrong = "\n".join(filter(None, (self.wrong, *misspelt(wished.keys))))
        if wished.reduced_motion:
            self.animation_level = "none"

    def compose(self) -> ComposeResult:
        """What is on it."""
        yield Header()
        yield Tabs(PANES)
        with Horizontal(id="panes"):
            yield Files(id="files")
            with Vertical(id="conversation"):
                yield ServerBar()
                yield OwnerBar()
                yield DigestPanel()
                yield ApprovalBar()
                yield Talk()
                yield TodoList()
                yield Prompt()
            with Vertical(id="side"):
                yield Trace(id="trace")
                yield Approvals(id="approvals")
        yield Footer()

    async def on_mount(self) -> None:
        """Stands there; what the arguments name is opened once the first frame is seen."""
        if self._exit:
            return  # it ends before it has begun: nothing is on it
        self._arrange()
        for place in (self._place_cursor, place_notices):
            self.screen.screen_layout_refresh_signal.subscribe(self, place)
        self.notices.begin()
        self.desk.listen("conversation", lambda changed: places.tell_page(self))
        self.begin_capture_print(self, stdout=False)
        if self.wrong:
            self.trouble(self.wrong)
        if places.named(self.args):
            with self.batch_update():
                await asyncio.wait(
                    {asyncio.create_task(places.see(self.desk, self.args))}, timeout=PATIENCE
                )
        self.call_after_refresh(self._look)

    async def _look(self) -> None:
        """Begins what fills the panes; the engine starts with it, so the first frame goes first."""
        try:
            await self.desk.host.begun()
        except TuiagentError as error:
            self.broken = error
            self.leave(1)
            return
        self.read_looks()
        self.desk.framed.set()
        self.desk.spawn(self._begin())
        self.desk.spawn(self.desk.look())
        self.desk.spawn(self._redress())
        self.desk.spawn(self.action_trust("asked"))

    def on_resize(self, event: events.Resize) -> None:
        """Lays the panes out anew, where that makes them tabs, or panes again."""
        self._arrange(event.size.width)

    async def _begin(self) -> None:
        give_back = self.query_one(Prompt).give_back
        if not (self.desk.host.settings.model or places.named(self.args)):
            self.action_welcome(lambda _: places.arrive(self, give_back))
        else:
            await places.arrive(self, give_back)

    async def on_prompt_submitted(self, message: Prompt.Submitted) -> None:
        """Says what was typed."""
        prompt = self.query_one(Prompt)
        self.desk.spawn(on_its_way(prompt, message.typed, self._say(message)))

    async def _say(self, message: Prompt.Submitted) -> bool:
        """Whether it could be said."""
        kept = tuple(chip.kept for chip in message.shown if chip.kept is not None)
        paths = [chip.path for chip in message.shown if chip.path]
        try:
            files = await images(paths, "")
        except ConfigError as error:
            self.trouble(str(error))
            return False
        return await self.desk.begin(message.text, message.steer, files, kept)

    def settle(self) -> None:
        """Takes up settings that were changed."""
        for line in self.query(Line):
            line.refresh()

    def trouble(self, text: str) -> None:
        """Shows what went wrong; see bridge.Teller."""
        self.notify(text, severity="error", markup=False)

    def _arrange(self, columns: int = 0) -> None:
        """Lays the panes out, and names the one that is seen where only one has room."""
        screens = () if self._exit else self.screen_stack[:1]
        for screen in screens:  # there is none before the first size is known
            self.layout.apply(screen, self.shown, columns or self.size.width)
            screen.query_one(Tabs).refresh()

    def action_pane(self, pane: str) -> None:
        """Goes to a pane; where all have room, a second time hides it, unless it asks something."""
        narrow = self.screen.has_class(NARROW)
        target = self.query_one(f"#{pane}")
        inside = self.focused is not None and target in self.focused.ancestors_with_self
        asks = pane == "approvals" and bool(self.desk.waiting)
        if not narrow and inside and pane != "conversation" and not asks:
            self.layout.hide(pane)
            pane = "conversation"
        else:
            self.layout.unhide(pane)
        self.shown = pane
        self._arrange()
        self._focus(pane)

    def on_files_mention(self, message: Files.Mention) -> None:
        """Puts a path into the prompt."""
        self.query_one(Prompt).editor.insert(mention(message.path) + " ")
        self.action_pane("conversation")

    def action_zoom(self) -> None:
        """Gives the whole screen to the pane at hand, or back to all."""
        for pane in PANES:
            if self.focused in self.query_one(f"#{pane}").walk_children(with_self=True):
                self.shown = pane
        self.layout.zoomed = not self.layout.zoomed
        self._arrange()

    def action_resize(self, by: int) -> None:
        """Makes the pane at hand wider or narrower."""
        for pane in ("files", "side"):
            if self.focused in self.query_one(f"#{pane}").walk_children(with_self=True):
                self.layout.widen(pane, by)
                self._arrange()

    def on_trace_jump(self, message: Trace.Jump) -> None:
        """Shows a call where it was made."""
        places.go_to(self, message.item)

    def action_judge(self, allow: bool) -> None:
        """Answers what the session at hand asks."""
        self.query_one(ApprovalBar).answer(allow)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leaves the keys that answer to others while nothing asks that is seen."""
        asks = any(bar.display for bar in self.query(ApprovalBar))
        return action != "judge" or (asks and len(self.screen_stack) == 1)

    def watch_app_focus(self, focus: bool) -> None:
        """A click or a key that brings the window up answers nothing."""
        for screen in self.screen_stack[:1]:
            for pane in (*screen.query(Approvals), *screen.query(ApprovalBar)):
                pane.moment.forget()

    def action_digest(self) -> None:
        """Unfolds what happened while nobody was here."""
        self.query_one(DigestPanel).toggle()

    def action_take(self) -> None:
        """Starts the server where it has ended; else has the session driven here."""
        bar = self.query_one(ServerBar)
        (bar if bar.display else self.query_one(OwnerBar)).take()

    def action_interrupt(self) -> None:
        """Closes the digest, or stops the run, what was said is kept; or goes to the prompt."""
        conversation = self.desk.conversation
        if self.query_one(DigestPanel).close():
            return
        if conversation is not None and conversation.running:
            self.desk.spawn(self.desk.send(InterruptRun(conversation.stream)))
        else:
            self.action_pane("conversation")

    async def action_quit(self) -> None:
        """Leaves; a run that goes on is asked about first."""
        from tuiagent.clients.tui.leaving import Leaving  # noqa: PLC0415 - once, at the end

        if self.desk.conversation is None or not self.desk.conversation.running:
            self.leave(0)
        elif not isinstance(self.screen, Leaving):
            self.push_screen(Leaving(), self._leave)

    async def _leave(self, way: str | None) -> None:
        """Leaves in one of leaving.WAYS."""
        from tuiagent.clients.tui import leaving  # noqa: PLC0415 - once, at the end

        if way == leaving.STOP:
            self.desk.spawn(self._stop())
        elif way == leaving.BACKGROUND:
            self.action_detach()
        elif way == leaving.LEAVE:
            self.leave(0)

    async def _stop(self) -> None:
        from tuiagent.clients.tui.leaving import stopped  # noqa: PLC0415 - once, at the end

        if await stopped(self.desk):
            self.leave(0)

    def leave(self, code: int) -> None:
        """Leaves with this exit code, whatever goes on; the first one counts."""
        if not self._exit:
            self.exit(return_code=code)

    def action_detach(self) -> None:
        """Leaves; what goes on does so in the background."""
        self.detached = True
        self.leave(0)

    async def on_unmount(self) -> None:
        """Lets go of the engine."""
        if self.desk.conversation is not None:
            self.last = self.desk.conversation.stream.partition("/")[2]
        await self.desk.close()

    def on_descendant_focus(self) -> None:
        """One types elsewhere now."""
        for screen in self.screen_stack[-1:]:  # none is left when it ends meanwhile
            self.call_after_refresh(self._place_cursor, screen, moved=True)

    def _focus(self, pane: str) -> None:
        target: Widget = self.query_one(f"#{pane}")
        try:
            wanted = target.query_one(Prompt) if pane == "conversation" else target
        except NoMatches:
            wanted = target
        wanted.focus()


def _where() -> str:
    """The terminal's name."""
    try:
        return os.ttyname(0).removeprefix("/dev/")
    except OSError:
        return f"process {os.getpid()}"
