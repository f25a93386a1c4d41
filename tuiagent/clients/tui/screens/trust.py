"""The question whether a folder's files may have us run what they say."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tuiagent.clients.clean import clean
from tuiagent.clients.trusting import Brought, answer, lines
from tuiagent.clients.tui.approvals.moment import Moment
from tuiagent.clients.tui.hints import keyed

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp

WORDS = """\
Files of this folder would have tuiagent run what stands below. Nothing of it is run unless you \
say yes, and only as it is now: once it changes, you are asked again."""


class Trust(ModalScreen[None]):
    """Shows all that would be run; y and n say it of all, Escape leaves it open."""

    app: "TuiApp"  # type: ignore[assignment]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "say(True)", "Yes, run it", id="trust.yes"),
        Binding("n", "say(False)", "No", id="trust.no"),
        Binding("escape", "leave", "Later", id="trust.leave"),
    ]

    def __init__(self, rows: list[Brought]) -> None:
        super().__init__()
        self._rows = rows
        self.moment = Moment()

    def compose(self) -> ComposeResult:
        """Each file, and what of it would be run."""
        with VerticalScroll() as box:
            box.border_title = Content("Trust this folder?")
            yield Static(Content(WORDS), classes="said")
            for row in self._rows:
                head, *more = lines(row)
                yield Static(Content(clean(head)), classes="label")
                for line in more:
                    yield Static(Content(clean(line)), classes="said")
            yield Static("", classes="said")
            keys = keyed(self, "y yes, run it   n no   Esc later")
            yield Static(Content(keys), classes="said")

    def on_mount(self) -> None:
        """From when on it is seen."""
        self.call_after_refresh(self.moment.drawn, "shown")

    async def action_say(self, yes: bool) -> None:
        """A person's word on all of it; what was typed as it came up is not one."""
        if not self.moment.ripe("shown"):
            return
        for row in self._rows:
            if not row.offer.problem:
                await self.app.desk.send(answer(row, yes))
        self.dismiss()

    def action_leave(self) -> None:
        """Nothing is said, and nothing is run."""
        self.dismiss()
