"""The pane of what waits: one line for each, the one at hand unfolded."""

from typing import ClassVar

import msgspec
from textual import events
from textual.binding import Binding, BindingType

from tuiagent.clients.tui.approvals import detail
from tuiagent.clients.tui.approvals.acts import Acts, Place, place
from tuiagent.clients.tui.approvals.moment import Moment
from tuiagent.clients.tui.folds import Folds
from tuiagent.clients.tui.hints import keyed
from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.listed import AtHand
from tuiagent.kernel.errors import TuiagentError
from tuiagent.ports import Proposed, Window
from tuiagent.views.inbox import Waiting

LOOKING, ALLOWING = ("Enter", "o"), ("y", "s", "a")
"""Keys that answer nothing, and keys that allow what is shown."""
JUST_NOW = "this came up just now: look at it, then answer"
UNSEEN = "{} lines are not shown: Enter shows all of it"


class Approvals(AtHand):
    """What waits, oldest first; a key answers exactly what stands unfolded, as it was shown."""

    BORDER_TITLE = "Approvals"
    EMPTY = "Nothing waits for you. {}: grants"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "app.grants", show=False, id="approvals.grants"),
        Binding("enter", "act('Enter')", show=False, id="approvals.all"),
        *(
            Binding(key, f"act('{key}')", show=False, id=f"approvals.{key}")
            for key in "ysaenrotvdb123456789"
        ),
    ]

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.moment = Moment()
        self.acts = Acts(self.app)
        self._rows: list[Waiting] = []
        """What waits as it is drawn: an answer is for one of these and no other."""
        self._whole = False
        self._note = ""
        self._folds = Folds()
        self._lines: list[detail.Line] = []
        self._hidden = 0
        """Lines of what would be done that are not shown."""
        self._found: dict[tuple[Place, str], Proposed] = {}
        self._asked_for: set[tuple[Place, str]] = set()

    def on_mount(self) -> None:
        """Listens."""
        self.EMPTY = self.EMPTY.format(keyed(self, "g"))
        self.app.desk.listen("waiting", self._news)
        self.app.desk.listen("sessions", self._news)
        self._news([])

    # ------------------------------------------------------------ what is shown

    @property
    def at_hand(self) -> Waiting | None:
        """What stands unfolded."""
        return self._rows[self.at] if self._rows else None

    def count(self) -> int:
        """See Pane."""
        return self._folds.lines

    def line(self, number: int) -> list[Piece]:
        """See Pane."""
        entry, below = self._folds.at(number)
        if entry == self.at:
            self.moment.drawn(self._mark())
        if below:
            return self._lines[below - 1] if below <= len(self._lines) else []
        one = self._rows[entry]
        return detail.head(one, self._session(one), entry == self.at)

    def renew(self, changed: list[str] | None = None) -> None:
        """See Pane."""
        one = self.at_hand
        self._folds.clear()
        self._folds.count = len(self._rows)
        self._lines = []
        if one is not None:
            self._look_up(one)
            region = self.scrollable_content_region
            room = max(1, region.height - 1)
            size = (max(4, region.width), room)
            found = detail.detail(one, self._proposed(one), self._note, size, self._whole)
            self._hidden = found.hidden
            self._lines = [[self._keyed(piece) for piece in line] for line in found.lines]
            self._folds.unfold(self.at, len(self._lines))
        super().renew(changed)
        self._reveal()
        self.call_after_refresh(self._reveal)

    def on_resize(self, event: events.Resize) -> None:
        """Wraps anew."""
        self.renew()

    def on_show(self, event: events.Show) -> None:
        """What was not on the screen was not seen."""
        self.moment.forget()
        self.renew()

    def hesitate(self) -> None:
        """A click or a key that only brings the window up answers nothing."""
        self.moment.forget()
        self.refresh()

    def on_focus(self, event: events.Focus) -> None:
        """A click that only comes here answers nothing."""
        self.hesitate()

    def _mark(self) -> object:
        """What stands under the hand, down to each thing that an answer would be for."""
        one = self.at_hand
        if one is None:
            return None
        found = self._proposed(one)
        return (one.stream, one.call, one.kind, one.digest, one.text, found is None, self._whole)

    def _session(self, one: Waiting) -> str:
        row = next((row for row in self.app.desk.sessions if row.stream == one.stream), None)
        return (row.name or row.title if row else "") or one.stream.partition("/")[2]

    def _reveal(self) -> None:
        y = self.scroll_offset.y
        wanted = self._folds.reveal(self.at, self.scrollable_content_region.height, y)
        if wanted != y:
            self.scroll_line(wanted)

    # ------------------------------------------------------------ what happens

    def _news(self, changed: list[str]) -> None:
        before = self.at_hand
        self._rows = list(self.app.desk.waiting)
        self.set_class(bool(self._rows), "-waiting")
        places = [place(one) for one in self._rows]
        if before is not None and place(before) in places:
            self.at = places.index(place(before))
        elif before is not None:
            self.at = max(0, min(self.at, len(self._rows) - 1))
            self._whole, self._note = False, ""
            self._gone(before)
        self.acts.gone(places)
        self._found = {key: found for key, found in self._found.items() if key[0] in places}
        self._asked_for = {key for key in self._asked_for if key[0] in places}
        self.renew()

    def _gone(self, one: Waiting) -> None:
        """Somebody else was quicker, or its run is over: says who."""
        if not self.acts.done_here(one):
            self.app.desk.spawn(self._tell_who(one))

    async def _tell_who(self, one: Waiting) -> None:
        found = await self.app.desk.client.read("transcript", one.stream, Window(200))
        item = next((item for item in found.data if item["id"] == one.call), None)
        who = item.get("answered", "") if item else ""
        status = item.get("status", "") if item else "over"
        text = f"answered by {who}" if who else f"waits no more: it is {status}"
        self.app.notify(f"{detail.tool(one) or one.kind}: {text}", markup=False)

    def _look_up(self, one: Waiting) -> None:
        """Asks what the call would change, once."""
        key = (place(one), one.digest)
        if detail.proposes(one) and key not in self._asked_for:
            self._asked_for.add(key)
            self.app.desk.spawn(self._propose(one, key))

    async def _propose(self, one: Waiting, key: tuple[Place, str]) -> None:
        asked = msgspec.json.encode({"session": one.stream, "call": one.call}).decode()
        try:
            found = (await self.app.desk.client.read("proposed", asked)).data
            self._found[key] = msgspec.convert(found, Proposed)
        except TuiagentError:
            self._found[key] = Proposed(one.digest)  # its arguments say all that is known
        except OSError:
            self._asked_for.discard(key)
            raise
        self.renew()

    def _proposed(self, one: Waiting) -> Proposed | None:
        return self._found.get((place(one), one.digest))

    # ------------------------------------------------------------ what is done

    def action_move(self, by: int) -> None:
        """Goes to another one; where this one is longer than the pane, through it first."""
        y, view = self.scroll_offset.y + by, self.scrollable_content_region.height
        first, height = self._folds.top(self.at), len(self._lines) + 1
        if abs(by) == 1 and first <= y <= first + height - view:
            self.scroll_line(y)
        else:
            super().action_move(by)

    def go(self, at: int) -> None:
        """See AtHand."""
        at = max(0, min(at, len(self._rows) - 1))
        if at != self.at:
            self.at, self._whole, self._note = at, False, ""
            self.renew()

    def action_act(self, key: str) -> None:
        """Does what a key means for the one at hand, once that was seen for a moment."""
        one = self.at_hand
        if one is None:
            return
        acts = {"Enter": self._unfold, **self.acts.of(one)}
        if key in acts:
            self._note = self._unready(one, key)
            if not self._note:
                acts[key]()
            self.renew()

    def _unready(self, one: Waiting, key: str) -> str:
        """Why a key does not count yet, "" where it does."""
        if key in LOOKING:
            return ""
        if not self.moment.ripe(self._mark()) or detail.pending(one, self._proposed(one)):
            return JUST_NOW
        return UNSEEN.format(self._hidden) if key in ALLOWING and self._hidden else ""

    def on_click(self, event: events.Click) -> None:
        """Answers by a key's name, or goes to a line."""
        entry, below = self._folds.at(event.y - self.gutter.top + self.scroll_offset.y)
        if entry >= len(self._rows):
            return
        if entry != self.at:
            self.go(entry)
        elif below and below <= len(self._lines):
            named = detail.key_at(self._lines[below - 1], event.x - self.gutter.left)
            one = self._rows[entry]
            for key in ("Enter", *self.acts.of(one)) if named else ():
                if keyed(self, key) == named:
                    self.action_act(key)
                    return

    def _keyed(self, piece: Piece) -> Piece:
        """A key as it is in force."""
        text, style = piece
        return (keyed(self, text), style) if style == "mark" else piece

    def _unfold(self) -> None:
        self._whole = not self._whole
