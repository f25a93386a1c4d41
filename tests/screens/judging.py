"""What the tests of the approvals share: a clock that is set, and things that wait."""

import time
from collections.abc import Sequence

import pytest
from textual.widget import Widget

from tests.screens.kit import Screen
from tuiagent.clients.tui.approvals import ApprovalBar, Approvals
from tuiagent.kernel.claims import Claims
from tuiagent.kernel.message import Question
from tuiagent.kernel.policy import Verdict
from tuiagent.views.inbox import Waiting

AT = 1_770_000_000.0
FOLDER = "/srv/shop"


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def clocked(it: Screen) -> Clock:
    """The clock of the pane and the bar from now on."""
    clock = Clock()
    it.app.query_one(Approvals).moment.clock = clock
    it.app.query_one(ApprovalBar).moment.clock = clock
    return clock


async def asked(it: Screen, clock: Clock, tool: str = "") -> Waiting:
    """The one thing that waits, once it was on the screen for a moment."""
    pane = it.app.query_one(Approvals)
    if it.app.focused is not pane:
        it.app.action_pane("approvals")
        await it.until(lambda: it.app.focused is pane)
        await it.pilot.pause()

    def there() -> bool:
        one = pane.at_hand
        return (
            one is not None
            and (not tool or (one.tool or one.kind) == tool)
            and pane.moment._what == pane._mark()
            and "looking up" not in it.shown
        )

    await it.until(there)
    clock.now += 1
    assert pane.at_hand is not None
    return pane.at_hand


def show(it: Screen, waiting: Sequence[Waiting]) -> None:
    """Has the desk say that these wait."""
    it.app.desk.waiting = list(waiting)
    it.app.desk._topics["waiting"].tell([""])


def drawn(it: Screen, pane: Widget) -> str:
    """What stands in a pane, with its border."""
    place = pane.region
    strips = it.app.screen._compositor.render_strips()[place.y : place.bottom]
    lines = (strip.crop(place.x, place.right).text.rstrip() for strip in strips)
    return "\n".join(lines)


def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has every clock show UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def shell(command: str, number: int = 1, **more: str) -> Waiting:
    """A command that waits."""
    reason = f"`{command.split()[0]}` is not known to only read"
    given = {"offer": f"shell({command})", "neighbour": f"{command} --force", "risk": "high"}
    verdict = Verdict("ask", "words", reason, **(given | more))
    claims = Claims("shell", "execute", command, folder=FOLDER)
    args = {"command": command}
    place = (f"session/s{number}", f"p{number}.1.1")
    return Waiting(*place, "approval", AT, "shell", args, f"d{number}", verdict, claims)


def write(number: int = 1) -> Waiting:
    """A change of a file that waits."""
    path = f"{FOLDER}/src/cart.py"
    verdict = Verdict("ask", "mode", "mode ask wants a yes for changing files", risk="medium")
    claims = Claims("write", "write", path, writes=(path,), folder=FOLDER, state=("ab",))
    args = {"path": "src/cart.py", "content": "total = 0\n"}
    place = (f"session/s{number}", f"p{number}.1.1")
    return Waiting(*place, "approval", AT, "write", args, f"d{number}", verdict, claims)


def question(text: str, *choices: str) -> Waiting:
    """A question that waits."""
    asked = Question(text, choices)
    return Waiting(
        "session/s1", "p1.1.1", "question", AT, "ask", {"question": text}, question=asked
    )


def outcome() -> Waiting:
    """A call whose outcome is not known."""
    text = "outcome unknown: the machine was restarted while `make deploy` ran; look at what it did"
    args = {"command": "make deploy"}
    return Waiting("session/s1", "p1.1.1", "outcome", AT, "shell", args, text=text)
