"""A tool call from the model's wish to its observation: facts, intents, decide and fold."""

import hashlib
from typing import Any, ClassVar

import msgspec
from msgspec import Struct

from tuiagent.kernel import policy
from tuiagent.kernel.claims import Claims, with_hosts
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import At, Fact, Intent, Upgrade
from tuiagent.kernel.grants import RuleGranted
from tuiagent.kernel.hooks import Ruling
from tuiagent.kernel.message import Call, Observation, Question
from tuiagent.kernel.places import touches_keys
from tuiagent.kernel.policy import Verdict
from tuiagent.kernel.rules import Rule, fired, parse_rule, reached

# ---------------------------------------------------------------- facts


class CallJudged(Fact, frozen=True):
    """Policy said whether the call may run."""

    call: str
    verdict: Verdict
    claims: Claims
    digest: str
    """What an approval binds to: arguments, folder, and what was there."""
    revision: int
    """The policy's revision it was judged under."""
    hooks: tuple[Ruling, ...] = ()
    """What hooks said of it; they are not run again for the same call."""

    upgrades: ClassVar[tuple[Upgrade, ...]] = (with_hosts,)


class ApprovalAnswered(Fact, frozen=True):
    """A person allowed or refused the call."""

    call: str
    digest: str
    allow: bool
    reason: str = ""
    by: str = ""
    """Who answered."""


class CallAmended(Fact, frozen=True):
    """A person changed the arguments before allowing the call."""

    call: str
    args: dict[str, Any]


class Authority(Struct, frozen=True, omit_defaults=True):
    """Under which right a call runs."""

    actor: str
    """Who acts."""
    session: str
    """The stream it acts in."""
    gate: str
    """What let it through, as in Verdict."""
    rule: str = ""
    by: str = ""
    """Who allowed it, where a person was asked."""


class CallStarted(Fact, frozen=True):
    """The call's effect may happen from here on."""

    call: str
    fence: int
    note: dict[str, Any] = {}
    """What the tool needs to settle the call."""
    authority: Authority | None = None
    """None in journals of before this was kept."""


class CallDeferred(Fact, frozen=True):
    """The call waits for a person's answer."""

    call: str
    question: Question
    resumes: bool = False
    """Whether the call goes on with the answer; else the answer is what comes of it."""


class QuestionAnswered(Fact, frozen=True):
    """A person answered what a call asked while it ran; it goes on."""

    call: str
    text: str


class CallFinished(Fact, frozen=True):
    """What came of the call; there is exactly one of these for each call."""

    call: str
    observation: Observation
    settled: bool = False
    """Found out after the process that started it had died."""


class OutcomeResolved(Fact, frozen=True):
    """A person said what had become of a call whose outcome was unknown."""

    call: str
    how: str
    """verified, redo or rollback."""
    text: str = ""


# ---------------------------------------------------------------- intents


class JudgeCall(Intent, frozen=True):
    """A tool found out what its call would touch: may it?"""

    call: str
    claims: Claims
    hooks: tuple[Ruling, ...] = ()


class AnswerApproval(Intent, frozen=True):
    """Allow or refuse a call, perhaps with other arguments, perhaps with a rule for later ones."""

    call: str
    digest: str
    allow: bool
    reason: str = ""
    grant: str = ""
    """A rule such as `shell(git status)` that holds for the rest of the session."""
    until: float = 0.0
    """When that rule ends; 0 for never."""
    uses: int = 0
    """How many calls it may let through; 0 for any number."""
    args: dict[str, Any] | None = None


class StartCall(Intent, frozen=True):
    """The engine is about to run the call."""

    call: str
    note: dict[str, Any] = {}


class DeferCall(Intent, frozen=True):
    """The call needs a person's answer."""

    call: str
    question: Question
    resumes: bool = False
    """Whether the call goes on with the answer; else the answer is what comes of it."""


class FinishCall(Intent, frozen=True):
    """The call has an observation."""

    call: str
    observation: Observation
    settled: bool = False
    job: dict[str, Any] | None = None
    """What is needed to find out how what goes on in the background ends, where something does."""


class AnswerQuestion(Intent, frozen=True):
    """Answer a question that a call asked."""

    call: str
    text: str


class ResolveOutcome(Intent, frozen=True):
    """Say what became of a call whose outcome is unknown: verified, redo or rollback."""

    call: str
    how: str
    text: str = ""


# ---------------------------------------------------------------- state


class CallState(Struct):
    """A call of the reply that is being worked on."""

    call: Call
    phase: str = "proposed"
    """proposed, asked, allowed, started, deferred or done."""
    args: dict[str, Any] | None = None
    claims: Claims | None = None
    """What it was judged by, until it is done."""
    effect: str = ""
    keyed: bool = False
    """Whether it touches files that may hold keys."""
    gate: str = ""
    rule: str = ""
    """The gate and the rule that let it through."""
    by: str = ""
    """Who allowed it, where a person was asked."""
    digest: str = ""
    covered: str = ""
    """The digest that a person allowed; `*` after an amendment, until it is judged again."""
    revision: int = -1
    hooks: tuple[Ruling, ...] = ()
    fence: int = 0
    note: dict[str, Any] = {}
    amended: bool = False
    resumes: bool = False
    """Whether an answer lets it go on, while it is deferred."""
    answer: str = ""
    """The last answer that it got."""
    result: str = ""
    """What the model reads of it, once it is done."""

    @property
    def open(self) -> bool:
        """Whether the call still needs an observation."""
        return self.phase != "done"


def digest(name: str, args: dict[str, Any] | None, claims: Claims) -> str:
    """What an approval binds to."""
    return hashlib.sha256(msgspec.json.encode([name, args, claims])).hexdigest()


def decide_judge(
    state: CallState, intent: JudgeCall, rules: tuple[Rule, ...], mode: str, revision: int
) -> list[Fact]:
    """The verdict; a refused call is finished with its reason."""
    stale = state.phase in ("allowed", "asked") and state.revision != revision
    claims = intent.claims
    mark = digest(state.call.name, state.args, claims)
    moved = state.phase == "allowed" and mark != state.digest
    if state.phase != "proposed" and not stale and not moved:
        raise Refused(f"call {intent.call} was judged before")
    verdict = policy.tightened(policy.judge(claims, rules, mode), intent.hooks, mode)
    if verdict.decision == "ask" and state.covered in ("*", mark):
        verdict = Verdict("allow", "approval", "a person allowed exactly this", offer=verdict.offer)
    hooks = tuple(one for one in intent.hooks if not one.silent)
    facts: list[Fact] = [CallJudged(intent.call, verdict, claims, mark, revision, hooks)]
    if verdict.decision == "deny":
        text = f"refused: {verdict.reason}"
        facts.append(CallFinished(intent.call, Observation("denied", text)))
    return facts


def decide_answer(state: CallState, intent: AnswerApproval, at: At, agent: str) -> list[Fact]:
    """A person's answer; the first one wins, and it counts only for what was shown."""
    if at.fence or at.actor == agent:
        raise Refused("nobody answers their own request")
    if state.phase != "asked":
        raise Refused(f"call {intent.call} does not wait for an approval (it is {state.phase})")
    if intent.digest != state.digest:
        raise Refused("this is not what was shown: the call has changed since; look again")
    answered = ApprovalAnswered(intent.call, intent.digest, intent.allow, intent.reason, at.actor)
    if not intent.allow:
        reason = f": {intent.reason}" if intent.reason else ""
        refusal = Observation("denied", f"refused by {at.actor}{reason}")
        return [answered, CallFinished(intent.call, refusal)]
    facts: list[Fact] = [answered]
    if intent.args is not None and intent.args != state.args:
        facts.append(CallAmended(intent.call, intent.args))
    if intent.grant:
        facts.append(RuleGranted(_granted(state, intent)))
    return facts


def _granted(state: CallState, intent: AnswerApproval) -> Rule:
    """The rule that comes with a yes. Raises Refused for one that is about something else."""
    rule = parse_rule(intent.grant, source="session")
    claims = state.claims
    if claims is None or not (fired(claims, [rule], "allow") or reached(claims, [rule])):
        raise Refused(f"the rule {rule} does not cover this call: a yes grants no other")
    return msgspec.structs.replace(rule, until=intent.until, uses=intent.uses)


def decide_start(state: CallState, intent: StartCall, at: At, revision: int) -> list[Fact]:
    """Only what is allowed now, under the present policy, by the present owner, may start."""
    if not at.fence:
        raise Refused("only the session's owner starts calls")
    again = state.phase == "started" and state.fence != at.fence
    if state.phase != "allowed" and not again:
        raise Refused(f"call {intent.call} may not start: it is {state.phase}")
    if state.revision != revision:
        raise Refused("the policy has changed since the call was judged")
    by = state.by if state.gate == "approval" else ""
    authority = Authority(at.actor, intent.stream, state.gate, state.rule, by)
    return [CallStarted(intent.call, at.fence, intent.note, authority)]


def decide_defer(state: CallState, intent: DeferCall) -> list[Fact]:
    """A running call begins to wait for a person."""
    if state.phase != "started":
        raise Refused(f"call {intent.call} does not run")
    return [CallDeferred(intent.call, intent.question, intent.resumes)]


def decide_question(state: CallState, intent: AnswerQuestion, at: At, agent: str) -> list[Fact]:
    """A person's answer is the call's observation, or lets it go on."""
    if state.phase != "deferred":
        raise Refused(f"call {intent.call} asks nothing")
    if at.fence or at.actor == agent:
        raise Refused("nobody answers their own question")
    if state.resumes:
        return [QuestionAnswered(intent.call, intent.text)]
    return [CallFinished(intent.call, Observation("ok", intent.text))]


def decide_finish(state: CallState, intent: FinishCall, at: At) -> list[Fact]:
    """One observation for each call, never two."""
    if not at.fence:
        raise Refused("only the session's owner reports what came of a call")
    if not state.open:
        raise Refused(f"call {intent.call} has its observation already")
    if state.phase in ("asked", "deferred") and intent.observation.status == "ok":
        raise Refused(f"call {intent.call} waits for a person")
    observation = intent.observation
    if state.amended:
        text = f"[a person changed the arguments to {encode(state.args)}]\n{observation.text}"
        observation = msgspec.structs.replace(observation, text=text)
    return [CallFinished(intent.call, observation, intent.settled)]


def decide_resolve(unresolved: set[str], intent: ResolveOutcome) -> list[Fact]:
    """What a person says became of a call in doubt."""
    if intent.call not in unresolved:
        raise Refused(f"the outcome of call {intent.call} is not in doubt")
    if intent.how not in ("verified", "redo", "rollback"):
        raise Refused("say verified, redo or rollback")
    return [OutcomeResolved(intent.call, intent.how, intent.text)]


def encode(value: object) -> str:
    """The value as JSON text."""
    return msgspec.json.encode(value).decode()


FOLDED: tuple[type[Fact], ...] = (
    CallJudged,
    ApprovalAnswered,
    CallAmended,
    CallStarted,
    CallDeferred,
    QuestionAnswered,
    CallFinished,
)


def fold(state: CallState, fact: Fact) -> None:
    """Applies one of this module's facts to the call it is about."""
    if isinstance(fact, CallJudged):
        state.phase = {"allow": "allowed", "ask": "asked"}.get(fact.verdict.decision, "proposed")
        state.digest = fact.digest
        state.revision = fact.revision
        state.hooks = fact.hooks
        state.claims = fact.claims
        state.effect = fact.claims.effect
        state.keyed = touches_keys(fact.claims)
        state.gate, state.rule = fact.verdict.gate, fact.verdict.rule
        if state.covered == "*":
            state.covered = fact.digest
    elif isinstance(fact, ApprovalAnswered):
        if fact.allow:
            state.phase, state.gate, state.rule = "allowed", "approval", ""
            state.covered, state.by = fact.digest, fact.by
    elif isinstance(fact, CallAmended):
        state.phase = "proposed"
        state.args = fact.args
        state.covered = "*"
        state.amended = True
    elif isinstance(fact, CallStarted):
        state.phase = "started"
        state.fence = fact.fence
        state.note = fact.note
    elif isinstance(fact, CallDeferred):
        state.phase = "deferred"
        state.resumes = fact.resumes
    elif isinstance(fact, QuestionAnswered):
        state.phase = "started"
        state.answer = fact.text
    elif isinstance(fact, CallFinished):
        state.phase = "done"
        state.claims = None
        state.result = fact.observation.text
