"""The grants: which rules let calls through, in which session, and what ran under each."""

from typing import Any

from msgspec import Struct, msgpack

from tuiagent.kernel import call as calls
from tuiagent.kernel import grants, session
from tuiagent.kernel.event import Event, Seen
from tuiagent.kernel.rules import Rule
from tuiagent.kernel.transfer import foreign


class Ran(Struct, frozen=True):
    """A call that a rule let through."""

    call: str
    subject: str
    at: float


class Grant(Struct):
    """One rule in one session; configured rules are listed once they were used."""

    stream: str
    rule: str
    action: str
    source: str
    at: float
    actor: str = ""
    until: float = 0.0
    uses: int = 0
    revoked: bool = False
    ran: list[Ran] = []


Place = tuple[str, str]
"""A stream and a rule or call in it."""
Known = tuple[dict[Place, Grant], dict[Place, Place]]


class GrantsView:
    """The rules of all sessions, in the order in which they came to hold."""

    kinds: frozenset[str] | None = frozenset(
        {
            "SessionOpened",
            "RulesConfigured",
            "RuleGranted",
            "RuleRevoked",
            "CallJudged",
            "CallStarted",
        }
    )

    def __init__(self, key: str = "") -> None:
        self.key = key
        self._rows: dict[tuple[str, str], Grant] = {}
        self._judged: dict[tuple[str, str], tuple[str, str]] = {}
        """Of each call that a rule lets through: the rule, and what it is about."""

    def snapshot(self) -> list[Any]:
        """The grants of people, and configured rules that were used."""
        return [row for row in self._rows.values() if row.source == "session" or row.ran]

    def save(self) -> bytes:
        """All that it knows."""
        return msgpack.encode((self._rows, self._judged))

    def load(self, body: bytes) -> None:
        """Knows this again. Raises msgspec.MsgspecError."""
        self._rows, self._judged = msgpack.decode(body, type=Known)

    def apply(self, seen: Seen) -> list[tuple[str, str]]:
        """Takes the next event; the (stream, rule) pairs that changed."""
        if not isinstance(seen, Event) or (self.key and seen.stream != self.key):
            return []
        if foreign(seen.actor):
            return []
        fact, stream = seen.fact, seen.stream
        if isinstance(fact, session.SessionOpened | grants.RulesConfigured):
            return [self._add(seen, rule, "") for rule in fact.rules if rule.source != "house"]
        if isinstance(fact, grants.RuleGranted):
            return [self._add(seen, fact.rule, seen.actor)]
        if isinstance(fact, grants.RuleRevoked):
            self._rows[stream, str(fact.rule)].revoked = True
            return [(stream, str(fact.rule))]
        if isinstance(fact, calls.CallJudged):
            if fact.verdict.rule and fact.verdict.decision == "allow":
                self._judged[stream, fact.call] = (fact.verdict.rule, fact.claims.subject)
            return []
        if isinstance(fact, calls.CallStarted):
            return self._started(seen, fact)
        return []

    def _add(self, event: Event, rule: Rule, actor: str) -> tuple[str, str]:
        place = (event.stream, str(rule))
        old = self._rows.get(place)
        row = Grant(event.stream, str(rule), rule.action, rule.source, event.at, actor)
        row.until, row.uses = rule.until, rule.uses
        if old is not None:
            row.ran = old.ran
        self._rows[place] = row
        return place

    def _started(self, event: Event, fact: calls.CallStarted) -> list[tuple[str, str]]:
        rule, subject = self._judged.pop((event.stream, fact.call), ("", ""))
        row = self._rows.get((event.stream, rule))
        if row is None:
            return []
        row.ran.append(Ran(fact.call, subject, event.at))
        return [(event.stream, rule)]
