"""Whatever was said is found again; what was erased is not, in no file; no search ever fails."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import zlib
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flows.test_cli import PROMPT, Cli
from tests.house import LIMIT, STREAM, Fakes, build, call, opened, prompt, say, until
from tuiagent import reports
from tuiagent.engine import search as searching
from tuiagent.engine.engine import Engine
from tuiagent.engine.search import Searcher
from tuiagent.kernel.call import AnswerQuestion, CallDeferred
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.lifecycle import (
    ArchiveSession,
    DeleteSession,
    EraseSession,
    NameSession,
    OpenSession,
    Origin,
    RestoreSession,
    SessionOpened,
)
from tuiagent.kernel.run import RunFinished
from tuiagent.ports import Client, Store
from tuiagent.providers.scripted import Turn
from tuiagent.stores.memory import MemoryStore
from tuiagent.stores.search import SLOWER, SearchFile
from tuiagent.views import search as texts
from tuiagent.views.search import Entry


@asynccontextmanager
async def house(folder: Path, *turns: Turn, store: Store | None = None, owner: str = "o1") -> Any:
    """An engine whose sessions can be searched."""
    made = await build(Fakes(folder, turns), store, owner)
    reports.findable(made, str(folder / "cache" / "search.db"))
    try:
        yield made
    finally:
        await made.close()


async def hits(client: Client, words: str, **more: Any) -> list[dict[str, Any]]:
    """What is found, the newest first."""
    found = await client.read("search", json.dumps({"text": words, **more}))
    assert found.data["note"] == ""
    return found.data["hits"]


async def said(made: Engine, folder: Path, text: str, stream: str = STREAM) -> Client:
    """A session in which this was said and answered."""
    client = made.seat()
    await opened(client, folder, stream=stream)
    await prompt(client, text, stream=stream)
    await until(client, RunFinished, stream)
    return client


FOUND = {
    "donaudampf": "Bitte die «Donaudampf»schifffahrt prüfen",
    "UEBERSICHT": None,
    "übersicht": "die «Übersicht» zeigen",
    "ubersicht": "die «Übersicht» zeigen",
    "strasse": "Die «Straße» ist lang",
    "会话": "检索所有«会话»的全文",
    "全": "检索所有会话的«全»文",
    "話し": "日本語で«話し»ます",
    "하세": "안녕«하세»요",
    "ПРИВЕТ": "Всем «привет»",
    "हिन्दी": "यह «हिन्दी» है",
    "args": "call parse_«args» now",
    "parse_args": "call «parse_args» now",
    "parse.args": "call «parse_args» now",
    "now call": "«call» parse_args «now»",
    "ll pars": None,
    "ｃａｌｌ": "«call» parse_args now",
    "nothing-like-this": None,
}
LINES = (
    "Bitte die Donaudampfschifffahrt prüfen",
    "die Übersicht zeigen",
    "Die Straße ist lang",
    "检索所有会话的全文",
    "日本語で話します",
    "안녕하세요",
    "Всем привет",
    "यह हिन्दी है",
    "call parse_args now",
)


async def test_words_of_any_script_are_found_in_the_place_where_they_stand(tmp_path: Path) -> None:
    async with house(tmp_path, say("x")) as made:
        client = await said(made, tmp_path, "\n".join(LINES))
        for words, shown in FOUND.items():
            found = await hits(client, words)
            assert len(found) == (shown is not None), words
            for hit in found:
                text, marks = hit["snippet"], hit["marks"]
                for start, end in reversed(marks):
                    text = f"{text[:start]}«{text[start:end]}»{text[end:]}"
                assert text == shown
                assert (hit["kind"], hit["stream"], hit["position"]) == ("prompt", STREAM, 2)


async def test_every_kind_of_text_is_found_and_says_what_it_is(tmp_path: Path) -> None:
    turns = [
        call("shell", command="echo 'w1''output' # w1call"),
        call("ask", question="w1question?", choices=["w1choice"]),
        say("w1reply"),
    ]
    async with house(tmp_path, *turns) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client, "w1prompt")
        asked = (await until(client, CallDeferred))[-1]
        await client.submit(AnswerQuestion(STREAM, asked.fact.call, "w1answer"))
        await until(client, RunFinished)
        await client.submit(NameSession(STREAM, "w1name"))
        found = [(hit["kind"], hit["snippet"]) for hit in await hits(client, "w1", limit=100)]
        for kind in ("prompt", "call", "output", "question", "reply", "name"):
            assert any(k == kind and f"w1{kind}" in shown for k, shown in found), kind
        assert (await hits(client, "w1choice"))[0]["kind"] == "question"
        assert (await hits(client, "w1answer"))[0]["kind"] == "output"
        times = [hit["position"] for hit in await hits(client, "w1", limit=100)]
        assert times == sorted(times, reverse=True)
        assert len(await hits(client, "w1", limit=2)) == 2


async def test_of_a_long_text_the_beginning_is_found(tmp_path: Path) -> None:
    async with house(tmp_path, say("x")) as made:
        filler = "word " * (texts.LARGEST // 5)
        client = await said(made, tmp_path, f"beginning {filler} ending")
        assert len(await hits(client, "beginning")) == 1
        assert await hits(client, "ending") == []


async def test_what_is_put_away_is_found_and_what_is_deleted_is_not(tmp_path: Path) -> None:
    async with house(tmp_path, say("x")) as made:
        client = await said(made, tmp_path, "canary")
        await client.submit(ArchiveSession(STREAM))
        assert len(await hits(client, "canary")) == 1
        await client.submit(DeleteSession(STREAM))
        assert await hits(client, "canary") == []
        assert len(await hits(client, "canary", all=True)) == 1
        await client.submit(RestoreSession(STREAM))
        assert len(await hits(client, "canary")) == 1


async def test_a_fork_does_not_double_what_its_origin_said(tmp_path: Path) -> None:
    async with house(tmp_path, say("x"), say("y")) as made:
        client = await said(made, tmp_path, "canary")
        position = (await client.read("sessions")).position
        begin = SessionOpened(str(tmp_path), "scripted/x", "auto", origin=Origin(STREAM, position))
        await client.submit(OpenSession("session/s2", begin))
        await prompt(client, "more", "p2", "session/s2")
        await until(client, RunFinished, "session/s2")
        assert [hit["stream"] for hit in await hits(client, "canary")] == [STREAM]
        assert len(await hits(client, "more", session="session/s2")) == 1
        assert await hits(client, "canary", session="session/s2") == []


# ---------------------------------------------------------------- what is typed


@given(st.text(max_size=40) | st.text('ab "*()-:^+{}ANDORNEAR', max_size=12))
def test_nothing_that_is_typed_is_an_operator_or_breaks(
    tmp_path_factory: pytest.TempPathFactory, typed: str
) -> None:
    file = SearchFile(str(tmp_path_factory.getbasetemp() / "typed" / "search.db"), "1")
    try:
        wanted = texts.phrases(typed)
    except Refused:
        assert not any(char.isalnum() for char in typed)
        return
    with file.using() as table:
        table.clear()
        table.add([Entry(1, STREAM, 1.0, "prompt", typed)])
        assert len(table.find(wanted, frozenset({STREAM}), 9)) == 1, "it finds itself"
        assert table.find(wanted, frozenset(), 9) == []


WORDS = st.text("abÄéß_. -\n会話ก하", max_size=12)


@given(st.lists(WORDS, max_size=4), WORDS)
def test_with_and_without_an_index_the_same_is_found(
    tmp_path_factory: pytest.TempPathFactory, written: list[str], typed: str
) -> None:
    try:
        wanted = texts.phrases(typed)
    except Refused:
        return
    file = SearchFile(str(tmp_path_factory.getbasetemp() / "same" / "search.db"), "1")
    made = [Entry(number, STREAM, 1.0, "prompt", text) for number, text in enumerate(written)]
    looked = texts.patterns(wanted)
    with file.using() as table:
        table.clear()
        table.add(made)
        found = table.find(wanted, frozenset({STREAM}), 9)
    assert found[::-1] == [entry for entry in made if texts.matches(entry.text, looked)]
    for entry in found:
        shown, marks = texts.snippet(entry.text, looked)
        assert all(0 <= start < end <= len(shown) for start, end in marks)


# ---------------------------------------------------------------- what is erased


def left(folder: Path) -> set[str]:
    """In which files the canary still is, as it was written or compressed."""
    forms = (b"canary", zlib.compress(b"canary canary words", 1))
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.name for path in files if any(form in path.read_bytes() for form in forms)}


async def test_what_another_process_erases_is_gone_from_the_file_at_once(tmp_path: Path) -> None:
    store = MemoryStore()
    async with house(tmp_path, say("x"), store=store) as first:
        client = await said(first, tmp_path, "canary canary words")
        await said(first, tmp_path, "something else", "session/s2")
        assert len(await hits(client, "canary")) == 1
        assert left(tmp_path / "cache") == {"search.db"}
        async with house(tmp_path, store=store, owner="o2") as second:
            await second.seat().submit(DeleteSession(STREAM))
            await second.seat().submit(EraseSession(STREAM, now=True))
        assert left(tmp_path / "cache") == set()
        assert await hits(client, "canary", all=True) == []
        assert len(await hits(client, "something")) == 1


def test_a_small_part_of_the_index_is_forgotten_alone(tmp_path: Path) -> None:
    file = SearchFile(str(tmp_path / "search.db"), "1")
    with file.using() as table:
        table.add([Entry(1, STREAM, 1.0, "prompt", "canary canary words")])
        many = range(2, 2 + SLOWER)
        table.add([Entry(n, "session/s2", 1.0, "prompt", f"other{n}") for n in many])
        table.reach(99, "aa")
    assert left(tmp_path) == {"search.db"}
    file.forget(STREAM)
    assert left(tmp_path) == set()
    with file.using() as table:
        assert table.mark() == (99, "aa")
        among = frozenset({STREAM, "session/s2"})
        assert len(table.find([("other",)], among, 99)) == SLOWER
        assert table.find([("canary",)], among, 99) == []
        assert not table.forget("session/s2")
        assert table.mark() == (0, "")


async def nothing(stream: str, pause: float) -> None:
    """Bodies stay in the journal for now."""


async def test_an_erasure_that_was_not_told_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, say("x")) as made:
        client = await said(made, tmp_path, "canary canary words")
        await hits(client, "canary")
        made.forgetting.clear()  # as if that process had died right after its commit
        monkeypatch.setattr(made.journal, "erase", nothing)
        await client.submit(DeleteSession(STREAM))
        await client.submit(EraseSession(STREAM, now=True))
        assert left(tmp_path / "cache") == {"search.db"}
        await hits(client, "anything")
        assert left(tmp_path / "cache") == set()


async def test_what_is_erased_while_it_is_being_read_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, say("x")) as made:
        client = await said(made, tmp_path, "canary canary words")
        await client.submit(DeleteSession(STREAM))
        store, tail, loop = made.journal.store, made.journal.store.tail, asyncio.get_running_loop()
        erasing: list[Any] = []
        erased = threading.Event()

        def slow(*args: Any) -> Any:
            """Once read, everything is erased before anything of it is put into the index."""
            records = tail(*args)
            if not erasing and args[0] == "session/*":
                made.journal.publish = lambda events: erased.set()
                work = client.submit(EraseSession(STREAM, now=True))
                erasing.append(asyncio.run_coroutine_threadsafe(work, loop))
                assert erased.wait(LIMIT)
            return records

        monkeypatch.setattr(store, "tail", slow)
        await asyncio.to_thread(_searcher(made, tmp_path).step, 1000)
        await asyncio.wrap_future(erasing[0])
        assert left(tmp_path / "cache") == set()


def _searcher(made: Engine, folder: Path) -> Searcher:
    file = SearchFile(str(folder / "cache" / "search.db"), "9")
    return Searcher(made.journal, made.hub, file)


def test_the_command_line_erases_from_the_index_too(tmp_path: Path) -> None:
    cli = Cli(tmp_path, {"text": "fine"})
    cli.run("-p", "canary canary words", "--name", "a")
    assert "canary" in cli.run("sessions", "search", "canary").stdout
    assert "search.db" in left(cli.root)
    cli.run("sessions", "delete", "a", "--now")
    assert left(cli.root) == set()


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize("damage", ["torn", "garbage", "empty", "version", "journal", "tables"])
async def test_an_index_that_does_not_fit_is_made_anew(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "cache" / "search.db"
    async with house(tmp_path, say("x")) as made:
        client = await said(made, tmp_path, "canary words")
        before = await hits(client, "canary")
        body = file.read_bytes()
        if damage == "torn":
            file.write_bytes(body[: len(body) // 2])
        elif damage == "garbage":
            file.write_bytes(b"x" * 9000)
        elif damage == "empty":
            file.write_bytes(b"")
        elif damage == "tables":
            file.write_bytes(body.replace(b"CREATE TABLE text", b"CREATE TABLE texz"))
        elif damage == "version":
            _forge(file, "UPDATE mark SET version = '0'; DELETE FROM text")
        else:
            _forge(file, "UPDATE mark SET hash = 'ff'; DELETE FROM text")
        assert await hits(client, "canary") == before
        assert file.stat().st_mode & 0o077 == 0


def _forge(file: Path, statement: str) -> None:
    import apsw

    connection = apsw.Connection(str(file))
    connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("trouble", ["no folder", "a folder in its place"])
async def test_without_an_index_everything_is_read_and_that_is_said(
    tmp_path: Path, trouble: str
) -> None:
    if trouble == "no folder":
        (tmp_path / "cache").write_text("in the way")
    else:
        (tmp_path / "cache" / "search.db").mkdir(parents=True)
    async with house(tmp_path, say("x")) as made:
        client = await said(made, tmp_path, "canary words")
        found = (await client.read("search", '{"text": "canary"}')).data
        assert len(found["hits"]) == 1
        assert "everything was read anew" in found["note"]
        with pytest.raises(Refused, match="at least one letter"):
            await client.read("search", '{"text": "*"}')
        with pytest.raises(Refused, match="as JSON"):
            await client.read("search", "canary")


async def test_a_full_disk_stops_no_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tuiagent.stores import search as stored

    async with house(tmp_path, say("x")) as made:
        client = await said(made, tmp_path, "canary words")
        monkeypatch.setattr(stored, "SETTINGS", "PRAGMA max_page_count=2")  # SQLITE_FULL
        found = (await client.read("search", '{"text": "canary"}')).data
        assert len(found["hits"]) == 1
        assert "full" in found["note"]
        monkeypatch.undo()
        assert len(await hits(client, "canary")) == 1


KILLED = """
import os, signal, sys
from tuiagent.stores.search import SearchFile
from tuiagent.views.search import Entry
with SearchFile(sys.argv[1], sys.argv[2]).using() as table:
    table.add([Entry(n, "session/s1", 1.0, "prompt", f"half{n} " * 5000) for n in range(400)])
    table.reach(99, "aa")
    table.find([("half",)], frozenset(), 1)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_dies_while_it_fills_the_index_leaves_it_whole(tmp_path: Path) -> None:
    cli = Cli(tmp_path, {"text": "fine"})
    cli.run("-p", "canary words")
    version = f"{reports.__version__} {texts.SHAPE}"
    command = [sys.executable, "-c", KILLED, str(cli.root / "cache" / "search.db"), version]
    env = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    assert subprocess.run(command, env=env, check=False).returncode == -signal.SIGKILL
    assert "«canary» words" in cli.run("sessions", "search", "canary").stdout
    assert cli.run("sessions", "search", "half").stdout == "nothing was found\n"


# ---------------------------------------------------------------- beside the work


async def test_the_index_is_filled_beside_the_driving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = asyncio.Event()
    step, loop = Searcher.step, asyncio.get_running_loop()

    def stepped(self: Searcher, limit: int) -> bool:
        more = step(self, limit)
        if not more:
            loop.call_soon_threadsafe(full.set)
        return more

    monkeypatch.setattr(Searcher, "step", stepped)
    monkeypatch.setattr(searching, "QUIET", 0.0)
    async with house(tmp_path, say("x")) as made:
        await said(made, tmp_path, "canary canary words")
        async with asyncio.timeout(LIMIT):
            while not left(tmp_path / "cache"):
                await full.wait()
                full.clear()


def test_two_processes_may_search_at_once(tmp_path: Path) -> None:
    cli = Cli(tmp_path, {"text": "fine"})
    cli.run("-p", "canary words")
    running = [cli.start("sessions", "search", "canary") for _ in range(4)]
    for process in running:
        out, err = process.communicate(timeout=LIMIT)
        assert (process.returncode, err) == (0, b"")
        assert "«canary» words" in out.decode()


def test_the_command_line_shows_and_cleans_what_it_finds(tmp_path: Path) -> None:
    cli = Cli(tmp_path, {"text": "the canary\x1b]0;title\x07 sings"})
    cli.run(*PROMPT, "--name", "a")
    done = cli.run("sessions", "search", "CANARY", "sing")
    first, second = done.stdout.splitlines()
    assert first.startswith(cli.session())
    assert " reply " in first
    assert first.endswith("a: go")
    assert second == "    the «canary» «sing»s"
    found = json.loads(cli.run("sessions", "search", "canary", "--output", "json").stdout)
    assert found["hits"][0]["snippet"][slice(*found["hits"][0]["marks"][0])] == "canary"
    assert cli.run("sessions", "search", "canary", "--session", "a").stdout == (
        cli.run("sessions", "search", "canary").stdout
    )
    assert cli.run("sessions", "search", "nowhere").stdout == "nothing was found\n"
    for wrong in (["search"], ["search", '"*'], ["search", "x", "--session", "nobody"]):
        assert cli.run("sessions", *wrong).returncode in (1, 2)
