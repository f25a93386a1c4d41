"""The question of the session at hand, above its prompt, where it is short enough to be judged."""

from typing import ClassVar

from textual.binding import BindingType
from textual.strip import Strip

from tuiagent.clients.tui.approvals import answers, detail
from tuiagent.clients.tui.approvals.moment import Moment
from tuiagent.clients.tui.approvals.pane import Approvals
from tuiagent.clients.tui.hints import keyed
from tuiagent.clients.tui.lines import Piece, strip
from tuiagent.clients.tui.status import Line
from tuiagent.views.inbox import Waiting

MOST = 3
"""Lines of what would be done that are judged here; what is longer, or changes files, is not."""


class ApprovalBar(Line):
    """Shows what the session at hand waits for; what it cannot show whole it only points to."""

    TOPICS = ("conversation", "waiting")
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.moment = Moment()
        self.display = False

    @property
    def at_hand(self) -> Waiting | None:
        """The first thing that the session at hand waits for."""
        conversation = self.app.desk.conversation
        found = (
            one
            for one in self.app.desk.waiting
            if conversation is not None and one.stream == conversation.stream
        )
        return next(found, None)

    @property
    def answerable(self) -> Waiting | None:
        """The one that is shown here whole, so that a key may answer it."""
        one = self.at_hand
        if one is None or one.kind != "approval" or detail.proposes(one):
            return None
        return one if len(self._exact(one)) <= MOST else None

    def _news(self, changed: list[str]) -> None:
        self.display = self.at_hand is not None
        self.styles.height = len(self._all())
        self.refresh()

    def on_resize(self) -> None:
        """Wraps anew."""
        self._news([])

    def answer(self, allow: bool) -> None:
        """Answers it, once it was seen for a moment; what is not shown whole is gone to."""
        one = self.answerable
        if one is None:
            self.app.action_pane("approvals")
        elif self.moment.ripe((one.call, one.digest)):
            answer = answers.allowed(one) if allow else answers.refused(one)
            self.app.query_one(Approvals).acts.send(one, answer)

    def on_click(self) -> None:
        """Goes to where it can be answered: a phone has no F4."""
        self.app.action_pane("approvals")

    def render_line(self, y: int) -> Strip:
        """See Widget."""
        one = self.at_hand
        if one is not None:
            self.moment.drawn((one.call, one.digest))
        lines = self._all()
        return strip(self, lines[y] if y < len(lines) else [], self.size.width)

    def _all(self) -> list[list[Piece]]:
        one = self.at_hand
        if one is None:
            return []
        head: list[Piece] = [(" may it? " if one.kind == "approval" else f" {one.kind}: ", "warn")]
        head.append((f"{detail.tool(one)} ", "strong"))
        yes, no, more = (keyed(self, key) for key in ("^Y", "^N", "F4"))
        if self.answerable is None:
            return [
                [*head, (detail.subject(one), "")],
                [(f" {more} ", "mark"), ("answer it there", "")],
            ]
        verdict = one.verdict
        risk = f"{verdict.risk} risk: {verdict.reason}" if verdict else ""
        keys = [(f" {yes}", "mark"), (" yes  ", ""), (no, "mark"), (" no  ", "")]
        keys += [(more, "mark"), (" more", "")]
        return [[*head, (risk, "dim")], *([(f"   {e}", "")] for e in self._exact(one)), keys]

    def _exact(self, one: Waiting) -> list[str]:
        width = max(4, self.size.width - 4)
        return ["".join(text for text, _ in line) for line in detail.arguments(one.args, width)]
