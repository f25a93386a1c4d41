"""What happened while nobody was there: told once, above the conversation, each line a way."""

import json
import re
from pathlib import Path

import pytest

from tests.house import call, opened, prompt, say, until
from tests.screens.kit import KINDS, Screen, screen
from tests.screens.looks import check_looks
from tuiagent.clients.tui.digest import DigestPanel, heading
from tuiagent.clients.tui.seen import KEPT, Seen
from tuiagent.kernel.call import AnswerQuestion, CallJudged
from tuiagent.kernel.run import RunFinished
from tuiagent.views.digest import Digest

S = "session/s1"
TURNS = [
    call("write", path="漢.txt", content="one\n"),
    call("shell", command="printf '\\033[31m'; false"),
    call("shell", command="true"),
    call("read", path="nothing-there"),
    say("All ", "done"),
    call("ask", question="Which \x1b[31mcolour?", choices=["red"]),
]


async def away(it: Screen, text: str = "do it", name: str = "p1") -> None:
    """A run that nobody looked at."""
    if name == "p1":
        await opened(it.client, it.work.parent)
    await prompt(it.client, text, name)
    await until(it.client, RunFinished if name == "p1" else CallJudged, S, 1 if name == "p1" else 5)


def older(it: Screen) -> DigestPanel:
    """The panel, for which what was begun before counts as somebody else's."""
    panel = it.app.query_one(DigestPanel)
    panel._began += 1000
    return panel


@pytest.mark.parametrize("kind", KINDS)
async def test_it_is_told_once_and_each_line_leads_somewhere(tmp_path: Path, kind: str) -> None:
    async with screen(tmp_path, TURNS, kind=kind) as it:
        await away(it)
        panel = older(it)
        await it.app.desk.open(S)
        await it.until("While you were away")
        gone: list[str] = []
        it.app.query_one("Talk").go_to = gone.append  # type: ignore[attr-defined]
        await it.press("alt+d")
        await it.until(lambda: panel.at == 1)
        assert "there is no file nothing-there" in it.shown
        await it.press("enter")
        await it.until(lambda: gone)
        await it.press("alt+d", "alt+d")
        await it.until(lambda: panel.at == 1 and panel.has_focus)
        await it.press("down", "enter")
        await it.until(lambda: len(gone) == 2)
        assert gone == ["p1.4.1", "p1.2.1"]
        await it.press("escape")
        await it.until(lambda: not panel.display)
        await it.app.desk.leave()
        await it.until(lambda: panel._at is None)
        await it.app.desk.open(S)
        await it.until(lambda: panel._at is not None)
        await it.settle()
        assert not panel.display


async def test_only_what_is_new_since_the_last_time_is_told(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        await away(it)
        older(it)
        await it.app.desk.open(S)
        await it.until("While you were away")
        await it.app.desk.leave()
        await it.until(lambda: "While you were away" not in it.shown)
        await away(it, "and more", "p2")
        await it.app.desk.open(S)
        await it.until("While you were away")
        assert "1 waiting for you" in it.shown
        assert "failure" not in it.shown
        await it.press("alt+d", "enter")
        await it.until(lambda: it.app.query_one("#approvals").has_focus)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_was_answered_waits_no_more(tmp_path: Path, kind: str) -> None:
    async with screen(tmp_path, [*TURNS, say("Red it is.")], kind=kind) as it:
        await away(it)
        await away(it, "and more", "p2")
        panel = older(it)
        await it.app.desk.open(S)
        await it.until("1 waiting for you ·")
        await it.press("alt+d", "down")
        await it.until(lambda: panel.at == 2)
        await it.until(lambda: it.app.desk.waiting)
        (one,) = it.app.desk.waiting
        await it.client.submit(AnswerQuestion(one.stream, one.call, "red"))
        shown = await it.until("Red it is.")
        assert "away" in shown
        await it.until(lambda: "waiting for you" not in it.shown)
        assert "): 1 failure" in it.shown
        assert panel.at == 2, "and one is where one was"


async def test_with_the_last_answer_there_is_no_digest_left(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS[-1:]) as it:
        await opened(it.client, it.work.parent)
        await prompt(it.client, "do it", "p1")
        await until(it.client, CallJudged, S, 1)
        older(it)
        await it.app.desk.open(S)
        await it.until("): 1 waiting for you")
        await it.until(lambda: it.app.desk.waiting)
        (one,) = it.app.desk.waiting
        await it.client.submit(AnswerQuestion(one.stream, one.call, "red"))
        await it.until(lambda: "While you were away" not in it.shown)


async def test_what_was_begun_here_is_no_news(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        await it.type("do it\n")
        await it.until(lambda: it.app.desk.waiting)
        await it.press("alt+d")
        await it.until(lambda: "Nothing happened here" in it.told)


async def test_esc_closes_it_before_it_stops_a_run(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        await away(it)
        await away(it, "and more", "p2")
        older(it)
        await it.app.desk.open(S)
        await it.until("While you were away")
        conversation = it.app.desk.conversation
        await it.until(lambda: conversation and conversation.running)
        await it.press("escape")
        await it.until(lambda: "While you were away" not in it.shown)
        assert conversation
        assert conversation.running
        await it.press("escape")
        await it.until(lambda: not conversation.running)


async def test_what_waits_is_told_as_it_would_be_done(tmp_path: Path) -> None:
    async with screen(tmp_path, [call("shell", command="touch z; ls")]) as it:
        await opened(it.client, it.work.parent, "ask")
        await prompt(it.client, "do it", "p1")
        await until(it.client, CallJudged, S, 1)
        older(it)
        await it.app.desk.open(S)
        await it.press("alt+d")
        await it.until("approval shell touch z; ls")


def test_how_long_it_went_on_counts_from_what_was_missed_first_until_now() -> None:
    told = heading(Digest(began=1000.0, ended=1001.0, outcome="done"), 1000.0 + 7300)
    assert told[0][0] == "While you were away (2 h 1 min)"


async def test_how_it_looks(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        await away(it)
        await away(it, "and more", "p2")
        panel = older(it)
        await it.app.desk.open(S)
        await it.until("While you were")
        await check_looks(it, "digest-folded", "DigestPanel", paceless)
        await it.press("alt+d")
        await it.until(lambda: panel.at == 1)
        await check_looks(it, "digest", "DigestPanel", paceless)


def paceless(text: str) -> str:
    """The same at whatever pace it went."""
    return re.sub(r"\(\d+ s\)", "(0 s)", text)


# ---------------------------------------------------------------- what was seen


def test_what_was_seen_never_goes_back(tmp_path: Path) -> None:
    seen = Seen(str(tmp_path))
    assert seen.of("a") is None
    seen.keep("a", 7)
    seen.keep("a", 5)
    assert Seen(str(tmp_path)).of("a") == 7


def test_only_the_last_sessions_are_remembered(tmp_path: Path) -> None:
    seen = Seen(str(tmp_path))
    (tmp_path / "seen.json").write_text(json.dumps({f"s{n}": n for n in range(KEPT)}))
    seen.keep("s0", 9)
    seen.keep("new", 1)
    assert (seen.of("s0"), seen.of("s1"), seen.of("new")) == (9, None, 1)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"a": "x"}', b"\xff"])
def test_a_torn_file_is_as_none(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "seen.json").write_bytes(body)
    seen = Seen(str(tmp_path))
    assert seen.of("a") is None
    seen.keep("a", 3)
    assert seen.of("a") == 3


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    seen = Seen(str(tmp_path / "missing"))
    seen.keep("a", 3)
    assert seen.of("a") is None
