"""What each key does to each kind of waiting thing."""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from tuiagent.clients.tui.approvals import answers
from tuiagent.kernel.call import AnswerApproval, AnswerQuestion, ResolveOutcome
from tuiagent.kernel.event import Intent
from tuiagent.kernel.stall import ResumeRun
from tuiagent.views.inbox import Waiting

if TYPE_CHECKING:
    from types import ModuleType

    from tuiagent.clients.tui.app import TuiApp
    from tuiagent.clients.tui.form import Form

Place = tuple[str, str]
"""A stream and a call in it."""
OUTCOMES = {"v": "verified", "d": "redo", "b": "rollback"}


def _forms() -> "ModuleType":
    from tuiagent.clients.tui.approvals import forms  # noqa: PLC0415 - the first frame needs none

    return forms


def place(one: Waiting) -> Place:
    """Where it waits."""
    return (one.stream, one.call)


class Acts:
    """Sends answers, and knows what was answered from here."""

    def __init__(self, app: "TuiApp") -> None:
        self._app = app
        self._mine: set[Place] = set()
        self._form: tuple[Place, Form] | None = None

    def of(self, one: Waiting) -> dict[str, Callable[[], None]]:
        """The keys that this one has."""
        acts: dict[str, Callable[[], None]] = {"o": lambda: self._open(one)}
        if one.kind == "approval":
            acts |= {
                "y": lambda: self.send(one, answers.allowed(one)),
                "n": lambda: self.send(one, answers.refused(one)),
                "s": lambda: self._ask(one, _forms().for_session(one, self.send)),
                "a": lambda: self._ask(one, _forms().for_good(one, self.keep)),
                "r": lambda: self._ask(one, _forms().refused(one, self.send)),
            }
            if one.args:
                acts["e"] = lambda: self._ask(one, _forms().edited(one, self.send))
        elif one.question is not None:
            acts["t"] = lambda: self._ask(one, _forms().typed(one, self.send))
            for number, choice in enumerate(one.question.choices[:9], 1):
                answer = AnswerQuestion(one.stream, one.call, choice)
                acts[str(number)] = lambda answer=answer: self.send(one, answer)
        elif one.kind == "outcome":
            for letter, how in OUTCOMES.items():
                resolve = ResolveOutcome(one.stream, one.call, how)
                acts[letter] = lambda resolve=resolve: self.send(one, resolve)
        else:
            acts["y"] = lambda: self.send(one, ResumeRun(one.stream))
        return acts

    def send(self, one: Waiting, *intents: Intent) -> None:
        """Answers; what was answered from here is no news when it vanishes."""
        self._mine.add(place(one))
        self._app.desk.spawn(self._submit(one, intents))

    def keep(self, one: Waiting, answer: AnswerApproval) -> None:
        """Allows it, and keeps the rule for the folder that its session was opened in."""
        self._mine.add(place(one))
        self._app.desk.spawn(self._keep(one, answer))

    def gone(self, places: Collection[Place]) -> None:
        """Only these wait still: a form for another one has nothing to answer."""
        if self._form is not None and self._form[0] not in places:
            self._form[1].dismiss()

    def done_here(self, one: Waiting) -> bool:
        """Whether it waits no more because of an answer from here."""
        mine = place(one) in self._mine
        self._mine.discard(place(one))
        return mine

    async def _submit(self, one: Waiting, intents: tuple[Intent, ...]) -> None:
        for intent in intents:
            if not await self._app.desk.send(intent):
                self._mine.discard(place(one))
                return

    async def _keep(self, one: Waiting, answer: AnswerApproval) -> None:
        status = (await self._app.desk.client.read("status", one.stream)).data
        folder = status[-1]["folder"] if status else ""
        await self._submit(one, (answer, answers.kept(answer, folder)))

    def _open(self, one: Waiting) -> None:
        self._app.desk.spawn(self._app.desk.open(one.stream))
        self._app.action_pane("conversation")

    def _ask(self, one: Waiting, form: "Form") -> None:
        self._form = (place(one), form)
        self._app.push_screen(form, lambda answer: self._left())

    def _left(self) -> None:
        self._form = None
