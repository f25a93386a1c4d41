"""What older versions wrote is read for ever as it was meant, and can be gone on with."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests import house
from tests.golden.record import VERSIONS, facts, raised, recorded, restored, views
from tests.golden.shapes import listing, listing_of, problems, unset
from tests.golden.story import tell
from tests.house import Fakes, build, say, until
from tuiagent import __version__
from tuiagent.engine.clock import World
from tuiagent.engine.journal import Journal
from tuiagent.engine.verify import verify
from tuiagent.kernel import audit
from tuiagent.kernel import call as calls
from tuiagent.kernel.aggregates import codec
from tuiagent.kernel.codec import Codec, shape_of
from tuiagent.kernel.event import Fact, Unknown, Upgrade
from tuiagent.kernel.run import RunFinished
from tuiagent.kernel.session import SubmitPrompt
from tuiagent.stores.sqlite import SqliteStore
from tuiagent.vaults.signer import check

NOW = listing()
AGAIN = "an old journal reads otherwise now: if that is meant, run scripts/golden"


# ---------------------------------------------------------------- the journals


@pytest.mark.parametrize("version", VERSIONS)
def test_an_old_journal_is_whole(version: str, tmp_path: Path) -> None:
    journal = restored(version, tmp_path / "state")
    with closing(SqliteStore(str(journal))) as store:
        opened = Journal(store, codec(), "o1", World())
        verdict = verify(opened, "", check, str(journal.with_name("seals.jsonl")))
    assert verdict.problem is None
    assert verdict.seals > 1
    assert not [fact for fact in facts(journal) if isinstance(fact, Unknown)]


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_view_of_an_old_journal_reads_as_it_did(version: str, tmp_path: Path) -> None:
    found = await views(restored(version, tmp_path / "state"))
    assert found == recorded(version, "views"), AGAIN


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("stream", ["session/aa", "session/bb", "session/cc", "session/ff"])
async def test_an_old_session_can_be_gone_on_with(
    version: str, stream: str, tmp_path: Path
) -> None:
    journal = restored(version, tmp_path / "state")
    made = await build(Fakes(tmp_path, lambda prompt: say("Gone on.")), SqliteStore(str(journal)))
    client = made.seat()
    try:
        after = (await client.read("sessions")).position
        waiting = (await client.read("inbox")).data
        for item in waiting:
            if (item["stream"], item["kind"]) == (stream, "approval"):
                answer = calls.AnswerApproval(stream, item["call"], item["digest"], False)
                await client.submit(answer)
                await until(client, RunFinished, stream, after=after)
        await client.submit(SubmitPrompt(stream, "new", "Go on."))
        seen = await until(client, RunFinished, stream, 2 if stream[-1] == "f" else 1, after)
        assert "Gone on." in json.dumps((await client.read("transcript", stream)).data)
        assert house.facts(seen, RunFinished)[-1].status == "done"
        verdict = verify(made.journal, "", check, str(journal.with_name("seals.jsonl")))
        assert verdict.problem is None
    finally:
        await made.close()


def test_the_newest_journal_holds_every_fact_with_every_field(tmp_path: Path) -> None:
    found = facts(restored(__version__, tmp_path / "state"))
    missing = unset(NOW, found)
    assert not missing, "tell of them in tests/golden/story.py and run scripts/golden"


async def test_the_journal_is_told_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        await tell(tmp_path / name)
    for name in ("journal.db", "seals.jsonl"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


# ---------------------------------------------------------------- what facts are made of


def test_what_facts_are_made_of_is_recorded() -> None:
    assert recorded(__version__, "shapes") == NOW, "a fact changed: run scripts/golden"


@pytest.mark.parametrize("version", VERSIONS)
def test_no_fact_changed_its_meaning_without_a_new_shape(version: str) -> None:
    assert problems(recorded(version, "shapes"), NOW) == []


class Part(msgspec.Struct, omit_defaults=True, tag="part"):
    """A part of a fact."""

    name: str
    size: int = 0


class Other(msgspec.Struct, tag="other"):
    """Another part."""


TEXT: Upgrade = lambda body: {**body, "text": str(body.get("text"))}  # noqa: E731
FIELDS: list[Any] = [("text", str), ("parts", tuple[Part, ...], ()), ("count", int, 0)]


def made(*fields: Any, name: str = "Made", upgrades: tuple[Upgrade, ...] = ()) -> type[Fact]:
    """A made-up kind of fact."""
    space = {"upgrades": upgrades}
    return msgspec.defstruct(name, fields, bases=(Fact,), namespace=space, frozen=True)


def renamed(part: type[Any], **changes: Any) -> Any:
    """The same kind of part with other fields: a default for each that is changed."""
    fields = [("name", str), *((n, type(v), v) for n, v in {"size": 0, **changes}.items())]
    return msgspec.defstruct(part.__name__, fields, tag="part")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([("words", str), *FIELDS[1:]], "Made.text is gone"),
        (FIELDS[:1], "Made.parts is gone"),
        ([("text", int), *FIELDS[1:]], "Made.text is integer now, and was text"),
        ([*FIELDS[:2], ("count", int, 1)], "Made.count has another default"),
        ([("count", int), *FIELDS[:2]], "Made.count has another default"),
        ([*FIELDS[:1], ("new", str), *FIELDS[1:]], "Made.new was added without a default"),
        ([FIELDS[0], ("parts", tuple[Other, ...], ()), FIELDS[2]], "Made.parts is"),
        ([FIELDS[0], ("parts", dict[str, Part], {}), FIELDS[2]], "Made.parts is"),
        ([FIELDS[0], ("parts", tuple[renamed(Part, size=1), ...], ()), FIELDS[2]], "Part.size has"),
    ],
)
def test_a_changed_fact_is_found(fields: list[Any], words: str) -> None:
    old = listing_of({made(*FIELDS)})
    (found, *_) = problems(old, listing_of({made(*fields)}))
    assert words in found
    assert problems(old, listing_of({made(*fields, upgrades=(TEXT,))})) == []
    assert raised(old, listing_of({made(*fields, upgrades=(TEXT,))})) == ["Made has a new shape"]


def test_a_kind_that_is_gone_or_goes_back_is_found() -> None:
    old = listing_of({made(*FIELDS, upgrades=(TEXT,))})
    assert "Made is gone" in problems(old, listing_of(set()))[0]
    assert "has shape 1, but there was 2" in problems(old, listing_of({made(*FIELDS)}))[0]


@pytest.mark.parametrize(
    "fields",
    [
        [*FIELDS, ("new", str, "")],
        [("text", str | None), *FIELDS[1:]],
        [FIELDS[0], ("parts", tuple[Part | Other, ...], ()), FIELDS[2]],
        [FIELDS[0], ("parts", tuple[renamed(Part, more=""), ...], ()), FIELDS[2]],
    ],
)
def test_what_may_be_added_may_be_added(fields: list[Any]) -> None:
    old, new = listing_of({made(*FIELDS)}), listing_of({made(*fields), made(name="More")})
    assert problems(old, new) == []
    assert old != new


def test_an_old_shape_is_upgraded_step_by_step_and_what_cannot_be_is_kept() -> None:
    steps: tuple[Upgrade, ...] = (
        lambda body: {"words": body["text"].split()},
        lambda body: {"words": tuple(body["words"]), "count": len(body["words"])},
    )
    kind = made(("words", tuple[str, ...]), ("count", int), upgrades=steps)
    known = Codec([kind], [])
    assert shape_of(kind) == 3
    wanted = kind(("a", "b"), 2)  # type: ignore[call-arg]
    assert known.fact("Made", 1, b'{"text":"a b"}') == wanted
    assert known.fact("Made", 2, b'{"words":["a","b"]}') == wanted
    assert known.fact("Made", 3, b'{"words":["a","b"],"count":2}') == wanted
    assert known.draft(wanted).shape == 3
    for shape, body in ((4, b"{}"), (1, b"{}"), (1, b'{"text":7}'), (1, b"["), (2, b'{"words":3}')):
        assert known.fact("Made", shape, body) == Unknown("Made", body)


def test_a_stored_fact_of_an_old_shape_is_read_anew_and_its_chain_holds(tmp_path: Path) -> None:
    old = Codec([made(("text", str))], [])
    new = Codec([made(("words", str), upgrades=(lambda body: {"words": body["text"]},))], [])
    draft = old.draft(old.fact("Made", 1, b'{"text":"said"}'))
    with closing(SqliteStore(str(tmp_path / "state" / "journal.db"))) as store:
        with store.transaction() as tx:
            tx.append("session/a", 0, [draft], 1.0, "me", None)
        (record,) = store.read("session/a")
    assert new.event(record).fact.words == "said"  # type: ignore[attr-defined]
    assert audit.verify("session/a", [record]) is None
