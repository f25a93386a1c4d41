"""A person's own command, as the kernel decides it."""

import pytest

from tests.kernel.world import OPENED, STREAM
from tuiagent.kernel.command import CommandRequested, RunCommand
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import At
from tuiagent.kernel.loop import JudgeCall, next_steps
from tuiagent.kernel.session import Session, decide, fold


def test_it_is_a_call_beside_any_run_and_each_has_its_own_name() -> None:
    state = fold(Session(), OPENED)
    for number in (1, 2):
        (fact,) = decide(state, RunCommand(STREAM, "ls", number == 2), At(1.0, "owner"))
        assert fact == CommandRequested(f"command{number}", "ls", number == 2)
        state = fold(state, fact)
    assert next_steps(state, 1, 0.0) == [JudgeCall("command1", 0), JudgeCall("command2", 0)]


@pytest.mark.parametrize("at", [At(1.0, "agent"), At(1.0, "owner", fence=1)])
def test_neither_the_agent_nor_what_performs_its_steps_may_ask(at: At) -> None:
    with pytest.raises(Refused, match="only a person"):
        decide(fold(Session(), OPENED), RunCommand(STREAM, "ls"), at)


def test_there_is_a_session_and_something_to_run() -> None:
    with pytest.raises(Refused, match="no such session"):
        decide(Session(), RunCommand(STREAM, "ls"), At(1.0, "owner"))
    with pytest.raises(Refused, match="empty"):
        decide(fold(Session(), OPENED), RunCommand(STREAM, " "), At(1.0, "owner"))
