"""Approvals: who may answer what, and what an answer covers."""

import msgspec
import pytest

from tests.kernel.world import STREAM, World
from tuiagent.kernel import call as calls
from tuiagent.kernel import grants, loop, session
from tuiagent.kernel import run as runs
from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import At, Fact, Intent
from tuiagent.kernel.message import Call, Observation, Question, Reply
from tuiagent.kernel.policy import CONFIRMING
from tuiagent.kernel.rules import parse_rule

CALL = "p1.1.1"


def asked(*more: Call, claims: Claims | None = None) -> World:
    """A world in which the first call waits for an approval."""
    world = World(0, crashes=False)
    world.do(session.SubmitPrompt(STREAM, "p1", "go"), person=True)
    world.do(session.RebasePrompt(STREAM, "first", "scripted/x", "", ()))
    world.do(runs.StartAttempt(STREAM))
    reply = Reply((Call(CALL, "shell", {"command": "go"}), *more), "calls")
    world.do(runs.ReceiveReply(STREAM, "p1.1", reply))
    world.do(calls.JudgeCall(STREAM, CALL, claims or shell("go")))
    return world


def shell(command: str) -> Claims:
    lists = (tuple(command.split()),)
    return Claims("shell", "execute", command, commands=lists, folder="/work", sandbox="bwrap")


def answer(world: World, **more: object) -> list[Fact]:
    digest = world.state.call(CALL).digest
    return world.do(calls.AnswerApproval(STREAM, CALL, digest, True, **more), person=True)  # type: ignore


def refused(world: World, intent: Intent, actor: str = "owner", fence: int = 0) -> str:
    with pytest.raises(Refused) as error:
        session.decide(world.state, intent, At(1.0, actor, fence))
    return str(error.value)


def test_nobody_answers_their_own_request() -> None:
    world = asked()
    digest = world.state.call(CALL).digest
    intent = calls.AnswerApproval(STREAM, CALL, digest, True)
    assert "own request" in refused(world, intent, "agent", 1)
    assert "own request" in refused(world, intent, "agent", 0)
    assert "own request" in refused(world, intent, "owner", 1)


def test_an_answer_counts_only_for_what_was_shown() -> None:
    world = asked()
    other = calls.AnswerApproval(STREAM, CALL, "0" * 64, True)
    assert "not what was shown" in refused(world, other)


def test_the_first_answer_wins() -> None:
    world = asked()
    digest = world.state.call(CALL).digest
    answer(world)
    again = calls.AnswerApproval(STREAM, CALL, digest, False)
    assert "does not wait" in refused(world, again)


def test_a_refusal_is_the_observation_and_carries_its_reason() -> None:
    world = asked()
    digest = world.state.call(CALL).digest
    no = calls.AnswerApproval(STREAM, CALL, digest, False, "use make")
    facts = world.do(no, person=True)
    assert isinstance(facts[1], calls.CallFinished)
    assert facts[1].observation == Observation("denied", "refused by owner: use make")


def test_amended_arguments_are_judged_again_and_told_to_the_model() -> None:
    world = asked()
    answer(world, args={"command": "go -l"})
    assert loop.next_steps(world.state, 1, 0.0) == [loop.JudgeCall(CALL, 0)]
    world.do(calls.JudgeCall(STREAM, CALL, shell("go -l")))
    assert world.state.call(CALL).phase == "allowed"
    world.do(calls.StartCall(STREAM, CALL))
    facts = world.do(calls.FinishCall(STREAM, CALL, Observation("ok", "x")))
    assert isinstance(facts[0], calls.CallFinished)
    assert facts[0].observation.text.startswith("[a person changed the arguments to")


def test_deny_stays_deny_after_an_amendment() -> None:
    world = asked()
    answer(world, args={"command": "cat"})
    secret = Claims("shell", "execute", "cat", reads=("/root/.ssh/id_rsa",), folder="/work")
    facts = world.do(calls.JudgeCall(STREAM, CALL, secret))
    assert isinstance(facts[-1], calls.CallFinished)
    assert facts[-1].observation.status == "denied"


def test_an_amendment_covers_one_judgement_not_another_call() -> None:
    world = asked()
    answer(world, args={"command": "go -l"})
    world.do(calls.JudgeCall(STREAM, CALL, shell("go -l")))
    world.do(session.ChangeMode(STREAM, "plan"), person=True)
    assert loop.next_steps(world.state, 1, 0.0) == [loop.JudgeCall(CALL, 1)]
    facts = world.do(calls.JudgeCall(STREAM, CALL, shell("go -l")))
    assert isinstance(facts[0], calls.CallJudged)
    assert facts[0].verdict.decision == "deny"


def test_a_change_of_the_policy_before_the_start_forces_a_new_judgement() -> None:
    world = asked()
    answer(world)
    world.do(session.ChangeMode(STREAM, "accept-edits"), person=True)
    assert "policy has changed" in refused(world, calls.StartCall(STREAM, CALL), "agent", 1)
    world.do(calls.JudgeCall(STREAM, CALL, shell("go")))
    assert world.state.call(CALL).phase == "allowed", "the person allowed exactly this before"


def test_what_changed_since_it_was_allowed_is_asked_again() -> None:
    world = asked()
    answer(world)
    world.do(calls.JudgeCall(STREAM, CALL, shell("go other")))
    assert world.state.call(CALL).phase == "asked"


def test_a_granted_rule_lets_later_calls_through_and_can_be_revoked() -> None:
    world = asked(Call("p1.1.2", "shell", {"command": "go -a"}))
    world.do(calls.JudgeCall(STREAM, "p1.1.2", shell("go -a")))
    assert world.state.call("p1.1.2").phase == "asked"
    answer(world, grant="shell(go *)")
    world.do(calls.JudgeCall(STREAM, "p1.1.2", shell("go -a")))
    assert world.state.call("p1.1.2").phase == "allowed"
    world.do(grants.RevokeRule(STREAM, "shell(go *)"), person=True)
    assert not world.state.rulebook.granted


@pytest.mark.parametrize(
    "rule", ["read(/home/me/.ssh/id_rsa)", "shell(rm *)", "write", "edit(**)", "network(a.b)"]
)
def test_a_yes_grants_nothing_about_other_calls(rule: str) -> None:
    """Whoever may answer approvals does not write the policy."""
    world = asked()
    digest = world.state.call(CALL).digest
    words = refused(world, calls.AnswerApproval(STREAM, CALL, digest, True, grant=rule), "person")
    assert "does not cover this call" in words
    assert world.state.call(CALL).phase == "asked"


def test_a_grant_ends_with_its_uses() -> None:
    """The call that it was given with is the first of them."""
    world = asked(*(Call(f"p1.1.{n}", "shell", {"command": "go -a"}) for n in (2, 3)))
    answer(world, grant="shell(go *)", uses=2)
    for name in (CALL, "p1.1.2", "p1.1.3"):
        world.do(calls.JudgeCall(STREAM, name, shell("go -a" if name != CALL else "go")))
        assert world.state.call(name).phase == "allowed"
    for name in (CALL, "p1.1.2"):
        world.do(calls.StartCall(STREAM, name))
        world.do(calls.FinishCall(STREAM, name, Observation("ok", "")))
    assert "policy has changed" in refused(world, calls.StartCall(STREAM, "p1.1.3"), "agent", 1)
    world.do(calls.JudgeCall(STREAM, "p1.1.3", shell("go -a")))
    assert world.state.call("p1.1.3").phase == "asked"


@pytest.mark.parametrize("by", ["words", "mode", "rule", "approval"])
def test_a_grant_for_a_host_ends_with_its_uses_whatever_lets_the_call_through_else(by: str) -> None:
    more = [Call(f"p1.1.{n}", "shell", {"command": "go"}) for n in (2, 3)]
    words = "cat x" if by == "words" else "go"
    online = msgspec.structs.replace(shell(words), hosts=("pypi.org",))
    world = asked(*more, claims=online)
    if by == "rule":
        world.do(grants.ConfigureRules(STREAM, (parse_rule("shell(go)"),)), person=True)
        world.do(calls.JudgeCall(STREAM, CALL, online))
    answer(world, grant="network(pypi.org)", uses=2)
    if by == "mode":
        world.do(grants.ChangeMode(STREAM, "auto"), person=True)
    for name in (CALL, "p1.1.2"):
        world.do(calls.JudgeCall(STREAM, name, online))
        state = world.state.call(name)
        if state.phase == "asked":
            yes = calls.AnswerApproval(STREAM, name, state.digest, True)
            world.do(yes, person=True)
        assert (state.phase, state.gate) == ("allowed", by)
        world.do(calls.StartCall(STREAM, name))
        world.do(calls.FinishCall(STREAM, name, Observation("ok", "")))
    assert world.state.rulebook.uses == {"network(pypi.org)": 2}
    world.do(calls.JudgeCall(STREAM, "p1.1.3", online))
    judged = [fact for fact in world.facts if isinstance(fact, calls.CallJudged)][-1]
    assert "it wants to reach pypi.org" in judged.verdict.reason


def test_a_grant_ends_with_its_time() -> None:
    world = asked(*(Call(f"p1.1.{n}", "shell", {"command": "go -a"}) for n in (2, 3)))
    answer(world, grant="shell(go *)", until=world.now + 10)
    world.do(calls.JudgeCall(STREAM, "p1.1.2", shell("go -a")))
    assert world.state.call("p1.1.2").phase == "allowed"
    world.now += 20
    world.do(calls.JudgeCall(STREAM, "p1.1.3", shell("go -a")))
    assert world.state.call("p1.1.3").phase == "asked"


def test_a_mode_change_does_not_touch_a_running_call() -> None:
    world = asked()
    answer(world)
    world.do(calls.StartCall(STREAM, CALL))
    world.do(session.ChangeMode(STREAM, "locked"), person=True)
    assert loop.next_steps(world.state, 1, 0.0) == []
    world.do(calls.FinishCall(STREAM, CALL, Observation("ok", "x")))


def test_an_agent_changes_no_mode_and_answers_no_question() -> None:
    world = asked()
    assert "own mode" in refused(world, session.ChangeMode(STREAM, "auto"), "agent")
    answer(world)
    world.do(calls.StartCall(STREAM, CALL))
    world.do(calls.DeferCall(STREAM, CALL, Question("which?")))
    assert loop.wake(world.state) is None
    reply = calls.AnswerQuestion(STREAM, CALL, "blue")
    assert "own question" in refused(world, reply, "agent", 1)
    world.do(reply, person=True)
    assert world.state.call(CALL).phase == "done"


def test_mode_auto_needs_a_sandbox_or_that_none_is_said_openly() -> None:
    world = asked()
    agents = grants.ChangeSandbox(STREAM, "off")
    assert "own sandbox" in refused(world, agents, "agent")
    assert "own sandbox" in refused(world, agents, "owner", 1)
    assert "no sandbox 'x'" in refused(world, grants.ChangeSandbox(STREAM, "x"))
    world.do(grants.ChangeSandbox(STREAM, ""), person=True)
    assert "--no-sandbox" in refused(world, session.ChangeMode(STREAM, "auto"))
    world.do(grants.ChangeSandbox(STREAM, "off"), person=True)
    world.do(session.ChangeMode(STREAM, "auto"), person=True)
    assert world.state.mode == "auto"


@pytest.mark.parametrize(("name", "mode"), CONFIRMING.items())
def test_a_confirmation_policy_is_a_mode_and_no_fact_has_its_name(name: str, mode: str) -> None:
    world = asked()
    assert world.do(session.ChangeMode(STREAM, name), person=True) == (
        [session.ModeChanged(mode)] if mode != "ask" else []
    )
    assert world.state.mode == mode
    opened = session.SessionOpened("/work", "scripted/x", name, "bwrap")
    begun = session.decide(session.Session(), session.OpenSession(STREAM, opened), At(1.0, "owner"))
    assert begun == [msgspec.structs.replace(opened, mode=mode)]
    world.do(grants.ChangeSandbox(STREAM, ""), person=True)
    if mode == "auto":
        world.do(session.ChangeMode(STREAM, "ask"), person=True)
        assert "--no-sandbox" in refused(world, session.ChangeMode(STREAM, name))


def test_another_sandbox_is_another_question() -> None:
    world = asked()
    digest = world.state.call(CALL).digest
    other = msgspec.structs.replace(shell("go"), sandbox="landlock")
    world.do(grants.ChangeSandbox(STREAM, "landlock"), person=True)
    world.do(calls.JudgeCall(STREAM, CALL, other))
    assert world.state.call(CALL).digest != digest
    assert "not what was shown" in refused(world, calls.AnswerApproval(STREAM, CALL, digest, True))


def test_what_changes_something_runs_alone_and_in_order() -> None:
    world = asked(Call("p1.1.2", "shell", {"command": "go"}), Call("p1.1.3", "read", {"path": "f"}))
    read = Claims("read", "read", "f", reads=("/work/f",), folder="/work")
    world.do(session.ChangeMode(STREAM, "auto"), person=True)
    world.do(calls.JudgeCall(STREAM, CALL, shell("go")))
    world.do(calls.JudgeCall(STREAM, "p1.1.2", shell("go")))
    world.do(calls.JudgeCall(STREAM, "p1.1.3", read))
    steps = loop.next_steps(world.state, 1, 0.0)
    assert steps == [loop.RunCall(CALL), loop.RunCall("p1.1.3")]
    world.do(calls.StartCall(STREAM, CALL))
    world.do(calls.FinishCall(STREAM, CALL, Observation("ok", "x")))
    assert loop.RunCall("p1.1.2") in loop.next_steps(world.state, 1, 0.0)


def test_the_outcome_that_nobody_knows_is_told_and_stays_until_a_person_speaks() -> None:
    world = asked()
    answer(world)
    world.do(calls.StartCall(STREAM, CALL))
    world.do(calls.FinishCall(STREAM, CALL, Observation("unknown", "outcome unknown: …")))
    assert world.state.unresolved == {CALL}
    world.do(calls.ResolveOutcome(STREAM, CALL, "verified"), person=True)
    assert not world.state.unresolved
    world.do(runs.StartAttempt(STREAM))
    texts = [
        block.text for m in world.prompt.messages for block in m.blocks if hasattr(block, "text")
    ]
    assert any("it did happen" in text or "did happen" in text for text in texts)


def test_a_call_has_one_observation() -> None:
    world = asked(Call("p1.1.2", "read", {"path": "f"}))
    answer(world)
    world.do(calls.StartCall(STREAM, CALL))
    world.do(calls.FinishCall(STREAM, CALL, Observation("ok", "first")))
    again = calls.FinishCall(STREAM, CALL, Observation("ok", "second"))
    assert "its observation already" in refused(world, again, world.state.agent, world.fence)
