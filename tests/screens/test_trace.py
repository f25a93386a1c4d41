"""The tool trace, the grants and the context, over a client of each kind."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.house import call, say
from tests.screens.judging import asked, clocked, utc
from tests.screens.kit import KINDS, SIZES, Screen, screen
from tests.screens.looks import check_looks
from tuiagent.clients.tui.bridge import Conversation
from tuiagent.clients.tui.form import Form
from tuiagent.clients.tui.grants import Grants
from tuiagent.clients.tui.trace import Trace
from tuiagent.clients.tui.trace.index import Index
from tuiagent.clients.tui.transcript import Talk
from tuiagent.kernel.message import Command, Diff, Usage
from tuiagent.kernel.policy import Verdict
from tuiagent.views.transcript import Item

AT = 1_770_000_000.0
TURNS = [
    call("shell", command="echo hello; exit 3"),
    call("write", path="f", content="one\n"),
    say("Done."),
]


async def ran(it: Screen) -> Trace:
    """A run is over, and the trace is at hand."""
    await it.type("do it\n")
    await it.until("Done.")
    it.app.action_pane("trace")
    await it.pilot.pause()
    return it.app.query_one(Trace)


def ok(number: int, **more: Any) -> Item:
    """A call that went well."""
    verdict = Verdict("allow", "mode", "mode auto allows it", risk="low")
    args = {"command": f"echo {number}"}
    given: dict[str, Any] = {"args": args, "verdict": verdict, "output": f"said {number}"}
    given |= {"at": AT + number, "actor": "agent", "seconds": 0.25} | more
    return Item(f"p1.{number}.1", "call", status=given.pop("status", "ok"), name="shell", **given)


def reply(number: int) -> Item:
    """The answer that asked for it."""
    usage = Usage(1200, 80)
    return Item(f"p1.{number}", "reply", "I look.", "done", AT + number, usage=usage, cost=0.0123)


def shown_as(it: Screen, items: list[Item]) -> Conversation:
    """Has the app show a conversation of these items."""
    conversation = Conversation(it.client, "session/s1")
    conversation.view.resume(items)
    it.app.desk.conversation = conversation
    it.app.desk._topics["conversation"].tell(["session/s1"])
    return conversation


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_unfolds_to_all_that_is_known_of_it(tmp_path: Path, kind: str) -> None:
    async with screen(tmp_path, TURNS, kind=kind, mode="auto") as it:
        await ran(it)
        await it.press("up", "enter")
        await it.until("error, exit 3")
        text = " ".join(it.shown.replace("│", " ").split())
        assert "asked for by agent" in text
        assert "allow by mode" in text
        assert "hello" in text
        await it.press("enter")
        await it.until(lambda: "error, exit 3" not in it.shown)


async def test_what_runs_is_marked_and_follows(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        items = [ok(n) for n in range(1, 60)] + [ok(60, status="started", seconds=0.0)]
        conversation = shown_as(it, items)
        await it.until("▸▶ shell echo 60")
        for fresh in (reply(61), ok(61, status="error")):
            conversation.view.items.append(fresh)
            conversation.view._by_id[fresh.id] = fresh
        it.app.desk._topics["items"].tell(["p1.61", "p1.61.1"])
        await it.until("▸✗ shell echo 61")


@pytest.mark.parametrize("kind", KINDS)
async def test_it_is_filtered_by_what_is_typed(tmp_path: Path, kind: str) -> None:
    async with screen(tmp_path, TURNS, kind=kind, mode="auto") as it:
        trace = await ran(it)
        await it.press("slash")
        await it.type("error hel")
        await it.until("1 of 2")
        assert [name for name in trace.index.shown] == [trace.index.all[0]]
        await it.press("enter", "enter")
        await it.until("error, exit 3")
        await it.press("escape")
        await it.until(lambda: len(trace.index.shown) == 2)
        await it.press("slash")
        await it.type("nosuch")
        await it.until("Nothing fits.")
        await it.press(*["backspace"] * 6)
        await it.until("2 of 2")


async def test_it_goes_to_the_call_in_the_conversation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone: list[str] = []
    monkeypatch.setattr(Talk, "go_to", lambda self, item: gone.append(item))
    async with screen(tmp_path, TURNS, mode="auto") as it:
        trace = await ran(it)
        await it.press("c")
        await it.until(lambda: gone)
        assert gone == [trace.index.all[-1]]


async def test_a_key_in_the_conversation_goes_to_the_call_in_the_trace(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS, mode="auto") as it:
        trace = await ran(it)
        first = trace.index.all[0]
        it.app.query_one(Talk).go_to(first)
        it.app.query_one(Talk).focus()
        await it.press("t")
        await it.until(lambda: trace.has_focus)
        assert trace.index.shown[trace.at] == first


async def test_a_click_goes_to_a_call_and_unfolds_it(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS, mode="auto", size=SIZES["small"]) as it:
        await ran(it)
        await it.pilot.click(Trace, offset=(4, 0))
        await it.until("▸✗ shell")
        await it.pilot.click(Trace, offset=(4, 0))
        await it.until("error, exit 3")


def test_an_index_is_the_same_however_it_came_to_be() -> None:
    items = [item for n in range(1, 400) for item in (reply(n), ok(n))]
    whole = Index()
    whole.reset(items)
    parts = Index()
    parts.reset(items[500:600])
    parts.precede(items[200:600])
    parts.precede(items[:600])
    known = {item.id: item for item in items}
    for item in items[600:]:
        parts.take([item.id], known.get)
    assert parts.all == whole.all == [item.id for item in items if item.kind == "call"]
    assert parts.shown == whole.shown


def test_calls_share_what_their_reply_took() -> None:
    index = Index()
    two = Item("p1.1.2", "call", name="read")
    index.reset([reply(1), ok(1), two])
    assert (index.siblings("p1.1.1"), index.siblings("p1.1.2")) == (2, 2)


async def test_a_call_that_comes_to_fit_the_filter_is_shown(tmp_path: Path) -> None:
    index = Index()
    index.filter = ("error",)
    item = ok(1, status="started")
    index.take([item.id], lambda ident: item)
    assert not index.shown
    item.status = "error"
    assert index.take([item.id], lambda ident: item)
    assert index.shown == [item.id]


# ---------------------------------------------------------------- what it looks like

FULL = [
    reply(1),
    ok(1, blocks=(Command("echo 1", 0),)),
    reply(2),
    ok(2, status="error", blocks=(Command("false", 3),), output="no \x1b[31mway\u202e\n[exit 3]"),
    reply(3),
    ok(
        3,
        args={"path": "src/宽.py", "content": "x"},
        blocks=(Diff("src/宽.py", "--- a\n+++ b\n@@ -1 +1 @@\n-old\n+x\n"),),
        answered="ana",
        verdict=Verdict("ask", "mode", "mode ask wants a yes for changing files", risk="medium"),
    ),
    ok(4, status="denied", output="refused by ana: not now", seconds=0.0),
    ok(5, status="unknown", seconds=61.0),
    ok(6, status="started", seconds=0.0),
]


async def test_it_looks_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    utc(monkeypatch)
    async with screen(tmp_path) as it:
        it.app.action_pane("trace")
        await check_looks(it, "trace-empty", "Trace")
        shown_as(it, FULL)
        await it.until("▶ shell")
        await it.press("home", "down", "down", "enter")
        await it.until("asked for by agent")
        await check_looks(it, "trace", "Trace")


# ---------------------------------------------------------------- grants and context


@pytest.mark.parametrize("kind", KINDS)
async def test_grants_are_listed_with_what_ran_and_taken_back(tmp_path: Path, kind: str) -> None:
    turns = [call("shell", command="touch made"), say("Done.")]
    async with screen(tmp_path, turns, kind=kind) as it:
        clock = clocked(it)
        await it.type("do it\n")
        await asked(it, clock)
        await it.press("a")
        await it.until(lambda: isinstance(it.app.screen, Form))
        await it.press("enter", "enter")
        await it.until("Done.")
        await it.press("g")
        await it.until(lambda: it.app.screen.query(Grants))
        pane = it.app.screen.query_one(Grants)
        await it.until("granted by owner")
        assert f"always, in {it.work}" in it.shown.replace("│", "") or "always, in" in it.shown
        await it.until("1 ran")
        await it.press("down", "enter")
        await it.until(lambda: it.shown.count("touch made") > 2)
        await it.press("x")
        await it.until("taken back")
        await it.press("up", "x")
        await it.until(lambda: len(pane.rows) == 1)
        await it.press("x", "escape")
        await it.until(lambda: not it.app.screen.query(Grants))


async def test_no_grants_are_said_to_be_none(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        await it.press("f9")
        await it.until("Nothing was granted")


@pytest.mark.parametrize("kind", KINDS)
async def test_the_context_says_what_fills_it(tmp_path: Path, kind: str) -> None:
    async with screen(tmp_path, TURNS, kind=kind, mode="auto") as it:
        await ran(it)
        await it.press("f7")
        await it.until("replies and calls")
        assert "tool results" in it.shown
        await it.press("escape")
        await it.until(lambda: "replies and calls" not in it.shown)


async def test_what_hooks_said_has_a_line_from_which_one_goes_to_the_conversation(
    tmp_path: Path,
) -> None:
    hooks = {
        "PreToolUse": 'echo \'{"systemMessage": "looked at it"}\'',
        "PostToolUse": 'echo \'{"systemMessage": "it was run"}\'',
        "Stop": 'echo \'{"systemMessage": "may end"}\'',
    }
    groups = {e: [{"hooks": [{"type": "command", "command": c}]}] for e, c in hooks.items()}
    (tmp_path / "home").mkdir()
    (tmp_path / "home/hooks.json").write_text(json.dumps({"hooks": groups}))
    async with screen(tmp_path, [call("shell", command="echo a"), say("Done.")], mode="auto") as it:
        trace = await ran(it)
        await it.until(lambda: len(trace.index.shown) == 4)
        called, _, after, stop = trace.index.shown
        await it.until("» hook PreToolUse: looked at it")
        await it.until("» hook PostToolUse: it was run")
        trace.go_to(called)
        await it.press("enter")
        await it.until("hooks of PreToolUse: looked")
        trace.go_to(stop)
        await it.press("enter")
        await it.until(lambda: it.shown.count("may end") >= 3)
        gone: list[str] = []
        it.app.query_one(Talk).go_to = gone.append  # type: ignore[method-assign]
        trace.go_to(after)
        await it.press("c")
        await it.until(lambda: gone == [after])


async def test_a_call_that_was_written_as_text_says_so(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        shown_as(it, [reply(1), ok(1, rescued=True)])
        await it.until("was written as text")
        it.app.action_pane("trace")
        await it.press("enter")
        await it.until("the model wrote this as text")
