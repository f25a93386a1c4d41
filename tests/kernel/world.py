"""A random but legal world around one session: people, a model, tools, and crashes."""

from collections.abc import Callable
from random import Random

from tuiagent.kernel import call as calls
from tuiagent.kernel import command, grants, jobs, loop, session
from tuiagent.kernel import run as runs
from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import At, Event, Fact, Intent
from tuiagent.kernel.limits import Limits
from tuiagent.kernel.message import Call, Observation, Question, Reply, Text
from tuiagent.kernel.policy import MODES
from tuiagent.kernel.rules import parse_rule
from tuiagent.kernel.session import Session, decide, fold
from tuiagent.views.prompt import PromptView

STREAM = "session/x"
OPENED = session.SessionOpened("/work", "scripted/x", "ask", sandbox="bwrap")
TOOLS = {"read": "read", "write": "write", "shell": "execute", "ask": "ask"}


class World:
    """Holds facts and state; every choice comes from one seed."""

    def __init__(self, seed: int, crashes: bool = True) -> None:
        self.random = Random(seed)
        self.crashes = crashes
        self.fence = 1
        self.now = 1000.0
        self.facts: list[Fact] = []
        self.events: list[Event] = []
        self.state = Session()
        self.prompt = PromptView(STREAM)
        self.sent: list[tuple[str, list[object]]] = []
        """The attempt and the messages of every model call."""
        self.prompts = 0
        self.do(session.OpenSession(STREAM, OPENED), person=True)

    # ------------------------------------------------------------ deciding

    def do(self, intent: Intent, person: bool = False, fence: int | None = None) -> list[Fact]:
        """Decides and folds. Raises Refused."""
        self.now += 1.0
        actor = "owner" if person else "agent"
        at = At(self.now, actor, 0 if person else (self.fence if fence is None else fence))
        facts = list(decide(self.state, intent, at))
        for fact in facts:
            self.facts.append(fact)
            number = len(self.facts)
            event = Event(number, STREAM, number, self.now, actor, fact)
            self.events.append(event)
            self.state = fold(self.state, fact)
            self.prompt.apply(event)
            if isinstance(fact, runs.AttemptStarted):
                self.sent.append((fact.attempt, list(self.prompt.prompt().messages)))
        return facts

    def tried(self, intent: Intent, person: bool = False) -> bool:
        """Whether the intent was accepted."""
        try:
            self.do(intent, person)
        except Refused:
            return False
        return True

    # ------------------------------------------------------------ what may happen

    def live(self, length: int) -> None:
        """A random life of this many moves."""
        for _ in range(length):
            roll = self.random.random()
            if self.crashes and roll < 0.08:
                self.fence += 1
            elif roll < 0.35:
                self.person()
            else:
                self.perform()

    def rest(self) -> None:
        """Performs and answers until nothing is left to do; raises when that never comes."""
        for _ in range(3000):
            if self.perform() or self.report():
                continue
            if not self.settle_person():
                return
        raise AssertionError("the session does not come to rest")

    def report(self) -> bool:
        """A call that runs here reports; False when none does."""
        run = self.state.run
        for state in [*(run.open_calls() if run else []), *self.state.wishes.values()]:
            if state.phase == "started" and state.fence == self.fence:
                self.finish(state.call.id)
                return True
        return False

    def perform(self) -> bool:
        """Performs one next step; False when there is none."""
        steps = loop.next_steps(self.state, self.fence, float("inf"))
        steps = [step for step in steps if not isinstance(step, loop.Wait)]
        if not steps:
            return False
        step = self.random.choice(steps)
        PERFORM[type(step)](self, step)
        return True

    def person(self) -> None:
        """A person does something, sensible or not."""
        choose = self.random.choice
        run = self.state.run
        ids = list(run.calls) if run else []
        call = choose(ids) if ids else "none"
        state = run.calls.get(call) if run else None
        digest = state.digest if state and self.random.random() < 0.9 else "other"
        options: list[Callable[[], Intent]] = [
            self.new_prompt,
            lambda: self.new_prompt(steer=True),
            lambda: calls.AnswerApproval(STREAM, call, digest, self.random.random() < 0.7),
            lambda: calls.AnswerApproval(STREAM, call, digest, True, grant="shell(go *)"),
            lambda: calls.AnswerApproval(STREAM, call, digest, True, args={"path": "other"}),
            lambda: calls.AnswerQuestion(STREAM, call, "blue"),
            lambda: runs.InterruptRun(
                STREAM,
                self.random.random() < 0.3,
                choose(["", "", f"p{self.random.randint(1, 9)}"]),
            ),
            lambda: session.ChangeMode(STREAM, choose(MODES)),
            lambda: session.ChangeModel(STREAM, choose(["scripted/x", "scripted/y"])),
            lambda: session.WithdrawPrompt(STREAM, f"p{self.random.randint(1, 9)}"),
            lambda: calls.ResolveOutcome(STREAM, call, choose(["verified", "redo", "rollback"])),
            lambda: grants.RevokeRule(STREAM, "shell(go *)"),
            lambda: command.RunCommand(STREAM, choose(["go x", " "]), self.random.random() < 0.3),
            lambda: jobs.StopJob(STREAM, f"job{self.random.randint(1, 5)}"),
        ]
        self.tried(choose(options)(), person=True)

    def settle_person(self) -> bool:
        """Answers one thing that waits for a person; False when nothing does."""
        run = self.state.run
        for state in run.open_calls() if run else []:
            ident = state.call.id
            if state.phase == "asked":
                self.do(calls.AnswerApproval(STREAM, ident, state.digest, True), person=True)
                return True
            if state.phase == "deferred":
                self.do(calls.AnswerQuestion(STREAM, ident, "yes"), person=True)
                return True
        return False

    def new_prompt(self, steer: bool = False) -> Intent:
        """A prompt that was not submitted yet."""
        self.prompts += 1
        limits = Limits(self.random.choice([2, 5, 200]))
        return session.SubmitPrompt(STREAM, f"p{self.prompts}", f"do {self.prompts}", steer, limits)

    # ------------------------------------------------------------ performing

    def call_model(self, step: loop.CallModel) -> None:
        """Begins the attempt where it is not begun, and reports how it ended."""
        run = self.state.run
        if run is None or run.attempt is None or run.attempt.id != step.attempt:
            if self.state.epoch_model != self.state.model or not self.state.epoch:
                self.do(session.RebasePrompt(STREAM, "first", self.state.model, "system", ()))
            self.do(runs.StartAttempt(STREAM))
            if self.random.random() < 0.3:
                return  # a crash, a person or a steering prompt may come in between
        attempt, roll = step.attempt, self.random.random()
        if roll < 0.15:
            again = self.now if self.random.random() < 0.8 else None
            self.do(runs.FailAttempt(STREAM, attempt, "network", "gone", again, "par"))
        else:
            self.do(runs.ReceiveReply(STREAM, attempt, self.reply(attempt)))

    def reply(self, attempt: str) -> Reply:
        """What the model answers: text, calls, nothing, or something cut off."""
        roll = self.random.random()
        if roll < 0.05:
            return Reply((), "end")
        if roll < 0.1:
            return Reply((Text("no"),), self.random.choice(["length", "refusal", "strange"]))
        if roll < 0.45:
            return Reply((Text("done"),), "end")
        names = [*TOOLS, "unknown"]
        blocks = [
            Call(
                f"{attempt}.{n}",
                self.random.choice(names),
                {"path": "f"} if self.random.random() < 0.9 else None,
            )
            for n in range(1, self.random.randint(1, 4) + 1)
        ]
        return Reply((Text("on it"), *blocks), "calls")

    def judge(self, step: loop.JudgeCall) -> None:
        """The tool says what the call would touch, or that it cannot be."""
        state = self.state.call(step.call)
        effect = TOOLS.get(state.call.name)
        if effect is None or state.args is None:
            self.do(calls.FinishCall(STREAM, step.call, Observation("error", "cannot be")))
            return
        paths = ("/work/f",) if effect in ("read", "write") else ()
        claims = Claims(
            state.call.name,
            effect,
            "go f" if effect == "execute" else "f",
            reads=paths if effect == "read" else (),
            writes=paths if effect == "write" else (),
            commands=(("go", "f"),) if effect == "execute" else (),
            folder="/work",
            sandbox="bwrap",
        )
        self.do(calls.JudgeCall(STREAM, step.call, claims))

    def run_call(self, step: loop.RunCall) -> None:
        """Starts the call, and perhaps finishes it."""
        self.do(calls.StartCall(STREAM, step.call, {"n": 1}))
        if self.random.random() < 0.8:
            self.finish(step.call)

    def finish(self, call: str) -> None:
        """A running call reports."""
        state = self.state.call(call)
        if state.call.name == "ask":
            self.do(calls.DeferCall(STREAM, call, Question("which?")))
            return
        if state.call.name == "shell" and self.random.random() < 0.3:
            note = {"spool": "x"}
            goes_on = Observation("ok", "goes on")
            self.do(calls.FinishCall(STREAM, call, goes_on, job=note))
            return
        status = self.random.choice(["ok", "ok", "ok", "error", "unknown"])
        self.do(calls.FinishCall(STREAM, call, Observation(status, status)))

    def settle(self, step: loop.SettleCall) -> None:
        """A call of a dead process: it never happened, or it did, or nobody knows."""
        roll = self.random.random()
        again = calls.StartCall(STREAM, step.call, {"n": 2})
        if roll < 0.3 and self.tried(again, person=False):
            self.finish(step.call)
        else:
            status = "ok" if roll < 0.7 else "unknown"
            finished = calls.FinishCall(STREAM, step.call, Observation(status, status), True)
            self.do(finished)

    def stop_call(self, step: loop.StopCall) -> None:
        """The running call is ended."""
        self.do(calls.FinishCall(STREAM, step.call, Observation("cancelled", "stopped")))


def _follow_job(world: World, step: loop.FollowJob) -> None:
    if world.random.random() < 0.5:
        status = world.random.choice(["ok", "error", "unknown"])
        world.do(jobs.EndJob(STREAM, step.job, Observation(status, "the end")))


def _stop_attempt(world: World, step: loop.StopAttempt) -> None:
    world.do(runs.InterruptReply(STREAM, step.attempt, world.random.choice(["", "half"])))


PERFORM = {
    loop.CallModel: World.call_model,
    loop.JudgeCall: World.judge,
    loop.RunCall: World.run_call,
    loop.SettleCall: World.settle,
    loop.StopCall: World.stop_call,
    loop.StopAttempt: _stop_attempt,
    loop.FollowJob: _follow_job,
    loop.StopJob: lambda world, step: world.do(
        jobs.EndJob(STREAM, step.job, Observation("error", "ended"))
    ),
    loop.EndRun: lambda world, step: world.do(runs.EndRun(STREAM)),
}
RULE = parse_rule("shell(go *)", source="session")
