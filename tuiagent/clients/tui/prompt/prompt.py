"""The prompt's widget: the editor with its lists, its history, its drafts and its commands."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual import events
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import TextArea

from tuiagent.clients.tui import commands
from tuiagent.clients.tui.bridge import Desk
from tuiagent.clients.tui.prompt import chips, complete
from tuiagent.clients.tui.prompt.drafts import Draft, Drafts
from tuiagent.clients.tui.prompt.editor import Editor
from tuiagent.clients.tui.prompt.finder import Finder
from tuiagent.clients.tui.prompt.history import History
from tuiagent.clients.tui.prompt.popup import Choice, Popup
from tuiagent.clients.tui.prompt.queue import Queue
from tuiagent.clients.tui.prompt.waiting import moved, taken
from tuiagent.kernel.command import RunCommand
from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.presence import HERE, TYPING

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp

CLEARS = "Esc again clears"
SEARCH = "Search what you said · ↑↓ Enter · Esc goes back"
FOUND = 100
"""Prompts that a search shows."""


class Prompt(Vertical):
    """Where a person types; Enter sends it."""

    app: "TuiApp"  # type: ignore[assignment]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send", id="prompt.send"),
        Binding("alt+q,ctrl+enter", "send(False)", "Send after the run", id="prompt.queue"),
        Binding("shift+enter,ctrl+j,alt+enter", "newline", "New line", id="prompt.newline"),
        Binding("up", "up", "Up, or what was said before", show=False, id="prompt.up"),
        Binding("down", "down", "Down, or what was said after", show=False, id="prompt.down"),
        Binding("tab", "accept", "Take the choice", show=False, id="prompt.accept"),
        Binding("escape", "escape", "Close, stop or clear", show=False, id="prompt.escape"),
        Binding("ctrl+r", "search", "Search what was said", id="prompt.search"),
        Binding("ctrl+g", "outside", "Edit in $EDITOR", id="prompt.outside"),
        Binding("alt+up", "queued", "What waits to be said", show=False, id="prompt.queued"),
        Binding("alt+o", "unfold", "Show the paste at the cursor", show=False, id="prompt.unfold"),
    ]
    DEFAULT_CSS = "Prompt { height: auto; max-height: 50vh; }"

    class Submitted(Message):
        """Something was said."""

        def __init__(self, text: str, steer: bool) -> None:
            super().__init__()
            self.text = text
            self.steer = steer
            """Whether it is for the run that goes on, before its next step."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = Queue()
        self.popup = Popup()
        self.past = History()
        self._key = ""
        self._wanted: complete.Wanted | None = None
        self._refused: complete.Wanted | None = None
        """What the person does not want to be offered anything for."""
        self._moved = False
        self._searching: str | None = None
        """What stood in the editor before the search."""
        self._shown = ""
        """What was put into the editor from the history."""
        self._armed = False
        self._typing = False

    def compose(self) -> ComposeResult:
        """What waits, the editor, and the list over both."""
        screen = self.desk.host.settings.tui
        self.editor = Editor(vim=screen is not None and screen.vim)
        self.drafts = Drafts(self.desk.host.settings.root)
        yield self.queue
        yield self.editor
        yield self.popup

    def on_mount(self) -> None:
        """Takes up the draft that was left, and what was said before."""
        self.desk.listen("conversation", lambda changed: self._conversation())
        self.desk.listen("items", lambda changed: self._waits())
        self._enter_folder()
        self._conversation()

    async def on_unmount(self) -> None:
        """Keeps what was typed."""
        self.finder.close()
        self._keep()
        await self.drafts.close()

    @property
    def desk(self) -> Desk:
        """The only door."""
        return self.app.desk

    @property
    def folder(self) -> str:
        """Where the session works."""
        conversation = self.desk.conversation
        own = os.path.realpath(self.desk.host.console.folder or ".")
        return (conversation.status.folder if conversation else "") or own

    def focus(self, scroll_visible: bool = True) -> "Prompt":
        """Gives the editor the keys."""
        self.editor.focus(scroll_visible)
        return self

    def give_back(self, text: str) -> None:
        """Puts back what could not be said, before what was typed since."""
        now = self.editor.text
        self.editor.put(f"{text}\n{now}" if now.strip() else text)

    # ------------------------------------------------------------ which session, which draft

    def _conversation(self) -> None:
        """Another session is shown, or none: its own draft, and what waits in it."""
        conversation = self.desk.conversation
        key = conversation.stream if conversation else f"folder {self.folder}"
        before, self._key = self._key, key
        if before == key:
            return
        draft = self.drafts.read(key)
        if before.startswith("folder") and self.editor.text.strip() and not draft.text:
            self.drafts.keep(before, Draft())  # the session was begun while this was typed
            self._keep()
        else:
            self.editor.begin(draft.text, {chip.label: chip for chip in draft.chips})
        self.past.leave()
        self._waits()

    def _enter_folder(self) -> None:
        """Looks at what lies in the folder, and was said there."""
        self.editor.folder = self.folder
        self.finder = Finder(self.folder, self.desk.host.settings.home)
        self.desk.spawn(self.past.load(self.desk.client, self.folder))

    def _waits(self) -> None:
        conversation = self.desk.conversation
        self.queue.show(conversation.status.queue if conversation else [])
        if self.folder != self.editor.folder:
            self.finder.close()
            self._enter_folder()

    def _keep(self) -> None:
        if self._searching is None:
            text, here = self.editor.text, self.editor.chips
            used = tuple(chip for label, chip in here.items() if label in text)
            self.drafts.keep(self._key, Draft(text, used))

    # ------------------------------------------------------------ what is typed

    def on_text_area_changed(self, message: TextArea.Changed) -> None:
        """Something was typed: it is kept, and what fits is offered."""
        message.stop()
        self._armed = False
        if self.editor.text != self._shown:
            self.past.leave()
        self._keep()
        if self.drafts.trouble:
            self.app.trouble(self.drafts.trouble)
            self.drafts.trouble = ""
        self._tell_typing()
        self._look()

    def on_text_area_selection_changed(self, message: TextArea.SelectionChanged) -> None:
        """The cursor moved: something else may fit there."""
        message.stop()
        self._look()

    def _tell_typing(self) -> None:
        """Lets others at the session see when somebody begins to type, and when not any more."""
        typing = bool(self.editor.text.strip())
        if typing != self._typing and self.desk.conversation is not None:
            self.desk.spawn(self.desk.show(TYPING if typing else HERE))
        self._typing = typing

    def _look(self) -> None:
        """Offers what fits at the cursor."""
        self._hint()
        if self._searching is not None:
            found = self.past.search(self.editor.text, FOUND)
            choices = [Choice(" ".join(text.split())[:200], text) for text in found]
            self._offer(choices, SEARCH if choices else f"nothing said holds that · {SEARCH}")
            return
        row, column = self.editor.cursor_location
        line = self.editor.document[row]
        wanted = complete.wanted(line[:column], first=row == 0)
        if wanted == self._wanted:
            return
        self._wanted, self._moved = wanted, False
        same = wanted and self._refused and wanted.start == self._refused.start
        self._refused = self._refused if same else None
        if wanted is None or same or not self.editor.selection.is_empty:
            self.popup.close()
        elif wanted.kind in ("command", "value"):
            self._offer(self.finder.commands(self.app, wanted), "")
        else:
            self.run_worker(self._find(wanted), group="find", exclusive=True)

    async def _find(self, wanted: complete.Wanted) -> None:
        async for choices, note in self.finder.look(wanted):
            if self._wanted != wanted or self._refused is not None:
                return
            if not self._moved:
                self._offer(choices, note if wanted.kind == "file" else "")

    def _offer(self, choices: Sequence[Choice], note: str) -> None:
        column = self.editor.content_region.x
        if self._wanted is not None and self._searching is None:
            row, end = self.editor.cursor_location
            typed = self.editor.document[row][self._wanted.start : end]
            column = max(column, self.editor.cursor_screen_offset.x - cell_len(typed))
        self.popup.show(choices, note, column, self.region)

    def _hint(self) -> None:
        vim = self.editor.vim
        words = CLEARS if self._armed else vim.mode if vim and vim.mode != "insert" else ""
        self.border_subtitle = words

    # ------------------------------------------------------------ sending

    async def action_send(self, steer: bool = True) -> None:
        """Says what was typed; takes the choice first where one is meant."""
        if self.popup.open and self._means_choice():
            self.action_accept()
            return
        row, column = self.editor.cursor_location
        if self.editor.document[row][:column].endswith("\\"):
            self.editor.replace(
                "\n", (row, column - 1), (row, column), maintain_selection_offset=False
            )
            return
        text = self.editor.text
        self.popup.close()
        if not text.strip():
            return
        if found := complete.SLASH.match(text):
            if not await self._run(found["name"], found["rest"].strip()):
                return
        elif found := complete.SHELL.match(text):
            self.desk.spawn(self._shell(found["command"], bool(found["quiet"])))
        else:
            self.post_message(self.Submitted(self.editor.sent, steer))
        self.past.add(text)
        self.editor.put("")

    async def _run(self, name: str, rest: str) -> bool:
        """Does a command; whether there is such a one."""
        try:
            await commands.find(name).do(self.app, rest)
        except TuiagentError as error:
            self.app.trouble(str(error))
            return name in commands.COMMANDS
        return True

    async def _shell(self, command: str, quiet: bool) -> None:
        """Runs a command as the person."""
        text = chips.expanded(command, self.editor.chips)
        conversation = self.desk.conversation if await self.desk.ready() else None
        if conversation is None or not await self.desk.send(
            RunCommand(conversation.stream, text, quiet)
        ):
            self.give_back(f"{'!!' if quiet else '!'}{command}")

    def _means_choice(self) -> bool:
        """Whether Enter takes the choice: something was typed for it, and not all of it."""
        chosen = self.popup.chosen
        if chosen is None:
            return False
        if self._searching is not None or self._moved:
            return True
        query = self._wanted.query if self._wanted else ""
        return bool(query) and query != chosen.label.removeprefix("/").removeprefix("#")

    def action_newline(self) -> None:
        """Begins a new line."""
        self.editor.insert("\n", maintain_selection_offset=False)

    # ------------------------------------------------------------ lists

    def action_accept(self) -> None:
        """Puts the choice where it belongs."""
        chosen = self.popup.chosen
        if not self.popup.open:
            raise SkipAction  # the key is for going on to the next pane
        if chosen is None:
            return
        if self._searching is not None:
            self._searching = None
            self.popup.close()
            self.editor.put(chosen.insert)
        elif self._wanted is not None:
            row, column = self.editor.cursor_location
            start = (row, self._wanted.start)
            self.popup.close()
            self.editor.replace(
                chosen.insert, start, (row, column), maintain_selection_offset=False
            )

    def on_popup_chosen(self, message: Popup.Chosen) -> None:
        """Takes what was clicked on."""
        self.action_accept()
        self.focus()

    def action_up(self) -> None:
        """Goes up: in the list, in the text, then in what was said before."""
        if self.popup.open:
            self._moved = True
            self.popup.move(-1)
        elif self.editor.navigator.is_first_wrapped_line(self.editor.cursor_location):
            self._recall(self.past.older(self.editor.text))
        else:
            self.editor.action_cursor_up()

    def action_down(self) -> None:
        """Goes down: in the list, in the text, then in what was said after."""
        if self.popup.open:
            self._moved = True
            self.popup.move(1)
        elif self.editor.navigator.is_last_wrapped_line(self.editor.cursor_location):
            self._recall(self.past.newer())
        else:
            self.editor.action_cursor_down()

    def _recall(self, text: str | None) -> None:
        if text is not None:
            self._shown = text
            self.editor.put(text)

    def action_search(self) -> None:
        """Searches what was said; once more goes on to the next."""
        if self._searching is not None:
            self._moved = True
            self.popup.move(1)
            return
        self._searching = self.editor.text
        self.editor.put("")
        self._look()

    def action_escape(self) -> None:
        """Closes the list; stops the run; else a second time clears, which can be undone."""
        if self._searching is not None:
            before, self._searching = self._searching, None
            self.popup.close()
            self.editor.put(before)
        elif self.popup.open:
            self._refused = self._wanted
            self.popup.close()
        elif self.desk.conversation is not None and self.desk.conversation.running:
            raise SkipAction  # the app stops the run
        elif self._armed:
            self.editor.put("")
        elif self.editor.text:
            self._armed = True
            self._hint()

    # ------------------------------------------------------------ what waits to be said

    def action_queued(self) -> None:
        """Goes to what waits."""
        if self.queue.display:
            self.queue.focus()

    def on_queue_leave(self, message: Queue.Leave) -> None:
        """The editor has the keys again."""
        self.focus()

    async def on_queue_edit(self, message: Queue.Edit) -> None:
        """Takes a prompt back into the editor."""
        if await taken(self.desk, message.queued):
            self.give_back(message.queued.text)
            self.focus()

    async def on_queue_remove(self, message: Queue.Remove) -> None:
        """Takes a prompt away; it stays in the history."""
        await taken(self.desk, message.queued)

    async def on_queue_shift(self, message: Queue.Shift) -> None:
        """Has two prompts change places."""
        await moved(self.desk, self.queue.queued, message.first)

    # ------------------------------------------------------------ longer texts

    async def action_outside(self) -> None:
        """Edits the draft in the person's own editor."""
        from textual.app import SuspendNotSupported  # noqa: PLC0415 - few ever need it

        from tuiagent.clients.tui.prompt.outside import edited  # noqa: PLC0415

        text = self.editor.text
        try:
            with self.app.suspend():
                found = edited(text, os.environ)
        except SuspendNotSupported:
            self.app.trouble("there is no terminal here that an editor could take")
        except (TuiagentError, OSError) as error:
            self.app.trouble(str(error))
        else:
            if found != text:
                self.editor.put(found)
        self.app.refresh(layout=True)

    def on_editor_folded(self, message: Editor.Folded) -> None:
        """Shows what a chip stands for."""
        self._open(message.chip)

    def action_unfold(self) -> None:
        """Shows what the chip at the cursor stands for."""
        chip = self.editor.chip_here()
        if chip is not None:
            self._open(chip)

    def _open(self, chip: chips.Chip) -> None:
        from tuiagent.clients.tui.prompt.folded import FoldedScreen  # noqa: PLC0415

        def unfold(wanted: bool | None) -> None:
            if wanted and chip.label in self.editor.text:
                self.editor.put(self.editor.text.replace(chip.label, chip.text, 1))

        self.app.push_screen(FoldedScreen(chip), unfold)

    def on_key(self, event: events.Key) -> None:
        """Any key but Escape forgets that one was pressed."""
        if event.key != "escape" and self._armed:
            self._armed = False
            self._hint()
