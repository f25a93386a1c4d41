"""The prompt's widget: the editor with its lists, its history, its drafts and its commands."""

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import TextArea

from tuiagent.clients.slash import given
from tuiagent.clients.tui.bridge import Desk
from tuiagent.clients.tui.commands import COMMANDS
from tuiagent.clients.tui.presence import Typing
from tuiagent.clients.tui.prompt import chips, complete
from tuiagent.clients.tui.prompt.doing import do, known, look, on_its_way, run
from tuiagent.clients.tui.prompt.drafts import Draft, Drafts
from tuiagent.clients.tui.prompt.editor import Editor
from tuiagent.clients.tui.prompt.finder import Finder
from tuiagent.clients.tui.prompt.history import History
from tuiagent.clients.tui.prompt.offers import Offers
from tuiagent.clients.tui.prompt.popup import Popup
from tuiagent.clients.tui.prompt.queue import Queue
from tuiagent.clients.tui.prompt.vim import INSERT
from tuiagent.kernel.errors import TuiagentError

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp

CLEARS = "Esc again clears"


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
        Binding("alt+up", "queued", "What waits to be said", show=False, id="prompt.queued"),
    ]
    DEFAULT_CSS = "Prompt { height: auto; max-height: 50vh; }"

    class Submitted(Message):
        """Something was said."""

        def __init__(self, editor: Editor, steer: bool) -> None:
            super().__init__()
            self.text = editor.sent
            self.typed = editor.text
            """What was typed, with its chips, for when it could not be said."""
            self.shown = editor.shown
            self.steer = steer
            """Whether it is for the run that goes on, before its next step."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = Queue()
        self.popup = Popup()
        self.past = History()
        self._key = ""
        self._shown = ""
        """What was put into the editor from the history."""
        self._armed: tuple[str, object] | None = None
        """What Escape was pressed on: pressed on just this once more, it clears."""

    def compose(self) -> ComposeResult:
        """What waits, the editor, and the list over both."""
        screen = self.desk.host.settings.tui
        self.typing = Typing(self.desk)
        self.editor = Editor(vim=screen is not None and screen.vim)
        self.drafts = Drafts(self.desk.host.settings.root)
        self.offers = Offers(self, self.editor, self.popup, self.past)
        yield self.queue
        yield self.editor
        yield self.popup

    def on_mount(self) -> None:
        """Takes up the draft that was left, and what was said before."""
        self.desk.listen("conversation", lambda changed: self._conversation())
        self.desk.listen("items", lambda changed: self._waits())
        self._enter_folder()
        self._conversation()
        self.desk.spawn(asyncio.to_thread(self.drafts.forget_old))

    async def on_unmount(self) -> None:
        """Keeps what was typed."""
        if self.offers.finder is not None:
            self.offers.finder.close()
        self.keep()
        await self.drafts.close()

    @property
    def desk(self) -> Desk:
        """The only door."""
        return self.app.desk

    @property
    def folder(self) -> str:
        """Where the session works."""
        conversation = self.desk.conversation
        own = self.desk.folder
        return (conversation.status.folder if conversation else "") or own

    def focus(self, scroll_visible: bool = True) -> "Prompt":
        """Gives the editor the keys."""
        self.editor.focus(scroll_visible)
        return self

    def begin_with(self, text: str) -> None:
        """Puts this before what was typed, to be gone on with."""
        self.editor.put(text + self.editor.text)
        self.focus()

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
            self.keep()
        else:
            self.editor.begin(draft.text, {chip.label: chip for chip in draft.chips})
        self.past.leave()
        self._waits()

    def _enter_folder(self) -> None:
        """Looks at what lies in the folder, and was said there."""
        self.editor.folder = self.folder
        finder = Finder(self.folder, self.desk.client)
        self.offers.look_in(finder)
        self.desk.spawn(finder.renew())
        self.desk.spawn(self.past.load(self.desk.client, self.folder))

    def _waits(self) -> None:
        conversation = self.desk.conversation
        self.queue.show(conversation.status.queue if conversation else [])
        if self.folder != self.editor.folder:
            self._enter_folder()

    def keep(self, left: str = "") -> None:
        """Keeps what stands here, after what was left on its way."""
        if not self.offers.searching or left:
            now, here = self.editor.text, self.editor.chips
            text = "\n".join(filter(str.strip, (left, now))) if left else now
            used = tuple(chip for label, chip in here.items() if label in text)
            self.drafts.keep(self._key, Draft(text, used))

    # ------------------------------------------------------------ what is typed

    def on_text_area_changed(self, message: TextArea.Changed) -> None:
        """Something was typed: it is kept, and what fits is offered."""
        message.stop()
        if self.editor.text != self._shown:
            self.past.leave()
        self.keep()
        if self.drafts.trouble:
            self.app.trouble(self.drafts.trouble)
            self.drafts.trouble = ""
        self.typing.typed(self.editor.text)
        self._hint()
        self.offers.look()

    def on_text_area_selection_changed(self, message: TextArea.SelectionChanged) -> None:
        """The cursor moved: something else may fit there."""
        message.stop()
        self._hint()
        self.offers.look()

    def _hint(self) -> None:
        vim = self.editor.vim
        mode = vim.mode if vim and vim.mode != INSERT else ""
        hint = CLEARS if self._armed == self.editor.standing else mode
        if hint != (self.border_subtitle or ""):  # Textual draws all of it anew, the same or not
            self.border_subtitle = hint

    # ------------------------------------------------------------ sending

    def action_send(self, steer: bool = True) -> None:
        """Says what was typed; takes the choice first where one is meant."""
        if self.popup.open and self.offers.meant():
            self.offers.take()
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
            written = self.offers.finder.written if self.offers.finder else {}
            if found["name"] in written and found["name"] not in COMMANDS:
                rest = self.editor.sent.partition(found["name"])[2].strip()
                message = self.Submitted(self.editor, steer)
                asking = self._given(message, found["name"], rest)
                self.desk.spawn(on_its_way(self, message.typed, asking))
            elif not known(self.app, found["name"]):
                return
            else:
                self.desk.spawn(do(self.app, found["name"], found["rest"].strip()))
        elif found := complete.SHELL.match(self.editor.sent):
            running = run(self.desk, found["command"], bool(found["quiet"]))
            self.desk.spawn(on_its_way(self, text, running))
        else:
            self.post_message(self.Submitted(self.editor, steer))
        self.past.add(text)
        self.editor.put("")
        if self.editor.vim:
            self.editor.vim.mode = INSERT  # as shells begin each line

    async def _given(self, message: Submitted, name: str, arguments: str) -> bool:
        """Says what a command of people's own comes to. Whether there is such a thing."""
        try:
            message.text = await given(self.desk.client, self.folder, name, arguments)
        except TuiagentError as error:
            self.app.trouble(str(error))
            return False
        self.post_message(message)
        return True

    def action_newline(self) -> None:
        """Begins a new line."""
        self.editor.insert("\n", maintain_selection_offset=False)

    # ------------------------------------------------------------ lists

    def action_accept(self) -> None:
        """Puts the choice where it belongs."""
        if not self.offers.open:
            raise SkipAction  # the key is for going on to the next pane
        self.offers.take()

    def on_popup_chosen(self, message: Popup.Chosen) -> None:
        """Takes what was clicked on."""
        self.action_accept()
        self.focus()

    def action_up(self) -> None:
        """Goes up: in the list, in the text, then in what was said before."""
        if self.popup.open:
            self.offers.move(-1)
        elif self.editor.navigator.is_first_wrapped_line(self.editor.cursor_location):
            self._recall(self.past.older(self.editor.text))
        else:
            self.editor.action_cursor_up()

    def action_down(self) -> None:
        """Goes down: in the list, in the text, then in what was said after."""
        if self.popup.open:
            self.offers.move(1)
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
        self.offers.search()

    def action_escape(self) -> None:
        """Closes the list; stops the run; else a second time clears, which can be undone."""
        if self.popup.open:
            self.offers.refuse()
        elif self.desk.conversation is not None and self.desk.conversation.running:
            raise SkipAction  # the app stops the run
        elif self._armed == self.editor.standing:
            self.editor.put("")
        elif self.editor.text:
            self._armed = self.editor.standing
            self._hint()
        else:
            raise SkipAction  # the app closes what is open

    # ------------------------------------------------------------ what waits to be said

    def action_queued(self) -> None:
        """Goes to what waits."""
        if self.queue.display:
            self.queue.enter()

    def on_queue_leave(self, message: Queue.Leave) -> None:
        """The editor has the keys again."""
        self.focus()

    def on_queue_taken(self, message: Queue.Taken) -> None:
        """What was taken back stands in the editor again."""
        labels: list[str] = []
        for one in message.queued.media:
            chip = chips.again(one, chips.number_after(self.editor.chips))
            self.editor.chips[chip.label] = chip
            labels.append(chip.label)
        self.give_back(" ".join([message.queued.text, *labels]))
        self.focus()

    def on_editor_looking(self, message: Editor.Looking) -> None:
        """Looks for an image in the clipboard of the system."""
        message.stop()
        self.desk.spawn(look(self.editor, self.drafts, message.text))
