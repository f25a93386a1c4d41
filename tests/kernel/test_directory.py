"""Access keys as text, and who may let whom in with what."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuiagent.engine import access
from tuiagent.kernel import directory, keys
from tuiagent.kernel.call import AnswerApproval
from tuiagent.kernel.directory import (
    ADMIN,
    AGENT,
    OWNER,
    SCOPES,
    STREAM,
    ActorAdded,
    AddActor,
    Directory,
    IssueKey,
    KeyIssued,
    KeyRevoked,
    RemoveActor,
    RevokeKey,
)
from tuiagent.kernel.effort import MoveProviders
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import At, Fact, Intent
from tuiagent.kernel.grants import ChangeMode, ConfigureRules
from tuiagent.kernel.session import SubmitPrompt
from tuiagent.kernel.standing import KeepRule, TrustFile

made = st.builds(
    keys.make, st.sampled_from(keys.KINDS), st.binary(min_size=keys.CHANCE, max_size=keys.CHANCE)
)
scopes = st.sets(st.sampled_from(SCOPES)).map(tuple)
NOW = 1000.0

# ---------------------------------------------------------------- keys as text


@given(
    st.sampled_from(keys.KINDS), st.binary(min_size=keys.CHANCE, max_size=keys.CHANCE), st.data()
)
def test_what_is_made_is_read_again_and_other_chance_makes_another_key(
    kind: str, chance: bytes, data: st.DataObject
) -> None:
    text = keys.make(kind, chance)
    assert keys.parse(text) == kind
    assert len(text.split("_")[2]) >= 30
    other = data.draw(st.binary(min_size=keys.CHANCE, max_size=keys.CHANCE))
    assert (keys.make(kind, other) == text) == (other == chance)


@given(made, st.data())
def test_a_change_of_one_character_anywhere_is_noticed(text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text) - 1))
    letters = st.one_of(st.sampled_from(string.ascii_letters + string.digits), st.characters())
    letter = data.draw(letters.filter(lambda found: found != text[place]))
    with pytest.raises(Refused) as caught:
        keys.parse(text[:place] + letter + text[place + 1 :])
    assert text[12:40] not in str(caught.value), "what is nearly a key is not repeated"


@given(made)
def test_what_is_around_a_key_does_not_belong_to_it(text: str) -> None:
    for wrong in (text[:-1], text + "0", text + "\n", " " + text, text.upper(), ""):
        with pytest.raises(Refused):
            keys.parse(wrong)


@given(st.text())
def test_any_text_has_a_mark_and_only_keys_are_keys(text: str) -> None:
    assert len(keys.mark(text)) == 64
    with pytest.raises(Refused):
        keys.parse(text)


# ---------------------------------------------------------------- who may let whom in


class Here:
    """A directory that intents are put to."""

    def __init__(self) -> None:
        self.state = Directory()
        self.facts: list[Fact] = []
        self._keys = 0

    def ask(self, what: type[Intent], /, *args: Any, actor: str = OWNER, **more: Any) -> list[Fact]:
        """Somebody asks this, now."""
        at = At(more.pop("now", NOW), actor, more.pop("fence", 0))
        found = list(directory.decide(self.state, what(STREAM, *args, **more), at))
        for fact in found:
            self.state = directory.fold(self.state, fact)
        self.facts += found
        return found

    def issue(self, actor: str, *wanted: str, asks: str = OWNER, **more: Any) -> str:
        """One more key for the actor; its id."""
        self._keys += 1
        name = f"k{self._keys}"
        self.ask(IssueKey, name, actor, keys.mark(name), wanted, actor=asks, **more)
        return name


@given(scopes, scopes)
def test_nobody_issues_a_key_with_a_scope_that_it_lacks(
    held: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    here = Here()
    by = here.issue("ada", *held, kind="person")
    if ADMIN in held:
        got = here.state.keys[here.issue("bob", *wanted, asks="ada", kind="person", by=by)]
        assert {*got.scopes} == {*wanted}
        assert got.by == by
        return
    with pytest.raises(Refused, match="lacks the scope admin"):
        here.issue("ada", *wanted, asks="ada", by=by)
    for kind, args in ((AddActor, ("bob", "person")), (RemoveActor, ("ada",)), (RevokeKey, (by,))):
        with pytest.raises(Refused):
            here.ask(kind, *args, actor="ada", by=by)


def test_asking_takes_a_live_key_of_ones_own() -> None:
    here = Here()
    ada = here.issue("ada", ADMIN, kind="person", until=NOW + 10)
    bob = here.issue("bob", ADMIN, kind="person")
    for actor, by in (("ada", ""), ("ada", bob), ("ada", "none"), (OWNER, ada), ("carl", ada)):
        with pytest.raises(Refused, match="without a live key of its own"):
            here.issue("eve", "files:read", asks=actor, by=by, kind="person")
    with pytest.raises(Refused, match="without a live key"):
        here.issue("eve", asks="ada", by=ada, kind="person", now=NOW + 10)
    here.ask(RevokeKey, bob, actor="ada", by=ada)
    with pytest.raises(Refused, match="without a live key"):
        here.issue("eve", asks="bob", by=bob, kind="person")
    for asks in ({"actor": AGENT}, {"fence": 3}):
        with pytest.raises(Refused, match="an agent does not say"):
            here.ask(RevokeKey, ada, **asks)


@given(scopes)
def test_scopes_cover_themselves_and_none_cover_nothing(held: tuple[str, ...]) -> None:
    for wanted in SCOPES:
        assert directory.covers(held, wanted) == (wanted in held or ADMIN in held)
    assert not any(directory.covers((), wanted) for wanted in SCOPES)


@pytest.mark.parametrize("scope", ["approvals:answer", ADMIN])
def test_no_agent_gets_a_key_that_approves(scope: str) -> None:
    here = Here()
    with pytest.raises(Refused, match=f"no agent has the scope {scope}"):
        here.issue("helper", "sessions:read", scope, kind="agent")
    here.issue("helper", "sessions:read", kind="agent")
    here.issue("cron", scope, kind="service")


@pytest.mark.parametrize(
    ("args", "more", "words"),
    [
        (("ada",), {}, "say of which kind"),
        (("ada",), {"kind": "robot"}, "a person, an agent or a service"),
        (("ada",), {"kind": "owner"}, "a person, an agent or a service"),
        (("Ada",), {"kind": "person"}, "cannot be called"),
        (("../ada",), {"kind": "person"}, "cannot be called"),
        (("imported/ada",), {"kind": "person"}, "cannot be called"),
        (("",), {"kind": "person"}, "cannot be called"),
        (("-ada",), {"kind": "person"}, "cannot be called"),
        (("a" * 64,), {"kind": "person"}, "cannot be called"),
        ((AGENT,), {"kind": "agent"}, "cannot be called"),
        (("known",), {"kind": "person"}, "of the kind service"),
        (("known", "session:read"), {}, "there is no scope 'session:read'"),
        (("known", "*"), {}, "there is no scope"),
        (("known",), {"until": NOW}, "expired already"),
    ],
)
def test_what_cannot_be_issued_is_refused_whole(
    args: tuple[str, ...], more: dict[str, Any], words: str
) -> None:
    here = Here()
    here.issue("known", kind="service")
    before = [*here.facts]
    with pytest.raises(Refused, match=words):
        here.issue(*args, **more)
    assert here.facts == before


def test_a_key_is_over_when_it_expires_or_is_revoked_and_never_lives_again() -> None:
    here = Here()
    key = here.issue("ada", kind="person", until=NOW + 5)
    assert [here.state.over(key, now) for now in (NOW, NOW + 5, NOW + 9)] == ["", *["expired"] * 2]
    assert here.state.over("other", NOW) == "unknown"
    again = (IssueKey, "new", "ada", keys.mark(key), ())
    assert here.ask(*again) == [], "the same key once more is nothing new"
    with pytest.raises(Refused, match="used before"):
        here.ask(*again, now=NOW + 5)
    with pytest.raises(Refused, match="used before"):
        here.ask(IssueKey, "new", "bob", keys.mark(key), (), kind="person")
    assert here.ask(RevokeKey, key) == [KeyRevoked(key)]
    assert here.ask(RevokeKey, key) == []
    assert here.state.over(key, NOW) == "revoked"
    with pytest.raises(Refused, match="used before"):
        here.ask(*again)
    with pytest.raises(Refused, match="there is no key other"):
        here.ask(RevokeKey, "other")
    with pytest.raises(Refused, match="an id of its own"):
        here.ask(IssueKey, key, "ada", keys.mark("x"), ())
    with pytest.raises(Refused, match="SHA-256"):
        here.ask(IssueKey, "new", "ada", "tua_person_x", ())


def test_a_removed_actor_has_no_keys_and_coming_back_gets_none_of_them() -> None:
    here = Here()
    one, two = here.issue("ada", kind="person"), here.issue("bob", kind="person")
    here.ask(RemoveActor, "ada")
    assert here.state.kind("ada") == ""
    assert [here.state.over(key, NOW) for key in (one, two)] == ["revoked", ""]
    assert here.ask(AddActor, "ada", "agent") == [ActorAdded("ada", "agent")]
    assert here.state.over(one, NOW) == "revoked"
    for actor in ("ada", OWNER):
        with pytest.raises(Refused, match="already"):
            here.ask(AddActor, actor, "person")
    for actor in ("carl", OWNER):
        with pytest.raises(Refused, match="no actor"):
            here.ask(RemoveActor, actor)


def test_a_key_replaces_those_of_the_same_actor_and_name_only() -> None:
    here = Here()
    old = here.issue("ada", kind="person", name="laptop")
    rest = [here.issue("ada"), here.issue("bob", kind="person", name="laptop")]
    new = here.issue("ada", name="laptop", replaces=True)
    assert here.state.over(old, NOW) == "revoked"
    assert not any(here.state.over(key, NOW) for key in (*rest, new))
    issued = [fact for fact in here.facts if isinstance(fact, KeyIssued)]
    assert [fact.key for fact in issued] == [old, *rest, new]


# ---------------------------------------------------------------- the gate of every submit


LETTING = (
    AnswerApproval("session/a", "c1", "d", True),
    ChangeMode("session/a", "auto"),
    ConfigureRules("session/a", ()),
    MoveProviders("session/a", {}, {}),
    KeepRule("policy/local", "shell", "/"),
    TrustFile("policy/local", "/x.py", "0" * 64),
)


@pytest.mark.parametrize("intent", LETTING, ids=lambda intent: type(intent).__name__)
def test_no_agent_says_what_may_be_done(intent: Intent) -> None:
    here = Here()
    here.issue("helper", kind="agent")
    here.issue("ada", kind="person")
    with pytest.raises(Refused, match="for people to say"):
        access.check(here.state, "helper", intent)
    access.check(here.state, "helper", SubmitPrompt("session/a", "p1", "go"))
    for actor in ("ada", OWNER):
        access.check(here.state, actor, intent)


def test_who_is_not_there_may_nothing() -> None:
    here = Here()
    here.issue("ada", kind="person")
    here.ask(RemoveActor, "ada")
    for actor in ("ada", "nobody", "", AGENT):
        with pytest.raises(Refused):
            access.check(here.state, actor, SubmitPrompt("session/a", "p1", "go"))
        with pytest.raises(Refused):
            access.check(here.state, actor)
