"""The conversation: what is shown of every kind of item, and that it stays what it is."""

import time
import unicodedata
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual import events
from textual.geometry import Offset
from textual.selection import Selection
from textual.strip import Strip

from tests.flows.test_clean import PIECES
from tests.house import say
from tests.kernel.test_session import lived, lives
from tests.kernel.world import STREAM
from tests.screens.kit import KINDS as KINDS_OF_CLIENT
from tests.screens.kit import check_shown, screen, shown
from tests.screens.rolling import HOSTILE, WORDS, every, lines, rolled
from tuiagent.clients.tui import places
from tuiagent.clients.tui.prompt import Prompt
from tuiagent.clients.tui.transcript import Transcript, markdown
from tuiagent.clients.tui.transcript.calls import BRIEF, FULL, OPEN
from tuiagent.clients.tui.transcript.flow import START, Flow
from tuiagent.clients.tui.transcript.heights import Heights
from tuiagent.clients.tui.transcript.rows import fold, plain
from tuiagent.clients.tui.transcript.talk import Talk
from tuiagent.kernel.message import Diff, Question, Todo, Todos
from tuiagent.kernel.session import SubmitPrompt
from tuiagent.views.transcript import AGAIN, Item, TranscriptView

WIDTHS = (40, 80, 160)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def flow_of(items: list[Item], width: int = 80, usual: int | None = None) -> Flow:
    flow = Flow()
    flow.show(items)
    flow.resize(width, usual)
    return flow


def text_of(flow: Flow) -> list[str]:
    return [row.text for _, row in flow.walk(START)]


# ---------------------------------------------------------------- what is shown


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("usual", [None, OPEN])
def test_every_kind_of_item(width: int, usual: int | None) -> None:
    found = text_of(flow_of(every(), width, usual))
    assert max(map(cell_len, found)) <= width
    check_shown(f"transcript-{'open' if usual else 'usual'}-{width}", "\n".join(found))


@pytest.mark.parametrize("width", [1, 2, 3, 5, 9, 14])
def test_hardly_any_room_is_survived(width: int) -> None:
    assert text_of(flow_of(every(), width, FULL))


# ---------------------------------------------------------------- nothing of others steers

TEXTS = st.one_of(st.text(), st.lists(PIECES).map("".join), st.just(HOSTILE))
HARM = ("Cc", "Cf", "Cs")
JOINERS = "\u200c\u200d"
"""Joiners belong to letters and pictures; see clean."""


def harmful(text: str) -> list[str]:
    found = [c for c in text if unicodedata.category(c) in HARM and c not in JOINERS]
    return [*found, *("\u0301" * 9 for _ in range("\u0301" * 9 in text))]


@given(
    TEXTS, st.sampled_from(["prompt", "reply", "call", "job", "notice", "run"]), st.integers(4, 60)
)
def test_no_row_holds_what_steers_a_terminal(text: str, kind: str, width: int) -> None:
    unified = "@@ -1 +1 @@\n-" + text.replace("\n", " ") + "\n+" + text.replace("\n", "")
    blocks = (
        Diff(text, unified),
        Question(text, (text,)),
        Todos((Todo(text, "open"),)),
    )
    for status in ("done", "error", "failed", "interrupted", "started", text):
        item = Item("x", kind, text, status, name=text, args={text: text, "command": text})
        item.output = item.reasoning = text
        item.blocks = blocks
        for level in (None, OPEN, FULL):
            for _, row in flow_of([deepcopy(item)], width, level).walk(START):
                assert not harmful(row.text)
                assert not any(harmful(look) or "\n" in look for _, look in row.spans)
                assert "link=" not in "".join(
                    look for _, look in row.spans if "link=http" not in look
                )


async def test_no_strip_holds_what_steers_a_terminal() -> None:
    async with rolled(every(), (100, 60)) as it:
        for keys in (("e",), ("home",), ("end",)):
            await it.press(*keys)
            for strip in it.app.screen._compositor.render_strips():
                text = strip.render(it.app.console)
                plain = "".join(segment.text for segment in strip)
                assert not harmful(plain)
                assert "\x1b]0" not in text
                assert "http://evil" not in text


@pytest.mark.parametrize(
    ("target", "linked"),
    [
        ("https://example.com/a", True),
        ("http://example.com/a_(b)", True),
        ("javascript:alert(1)", False),
        ("file:///etc/passwd", False),
        ("ssh://host/x", False),
        ("mailto:a@b.org", False),
        ("https://ex\x1bample.com/\x07", True),
        ("https://ex ample.com", True),
    ],
)
def test_only_addresses_of_the_web_become_links(target: str, linked: bool) -> None:
    rows = markdown.rows(markdown.Part(f"[text](<{target}>) and <{target}>"), 200)
    links = {w for r in rows for _, look in r.spans for w in look.split() if w.startswith("link=")}
    assert bool(links) == linked
    assert all(link.startswith("link=http") and "\x1b" not in link for link in links)


def test_the_target_of_a_link_is_shown() -> None:
    (row,) = markdown.rows(markdown.Part("[https://good.org](https://evil.org/x)"), 80)
    assert row.text == "https://good.org (https://evil.org/x)"


KNOTS = {
    "quotes": ">" * 10_000,
    "brackets": "[" * 10_000,
    "stars": "*" * 5_000,
    "spaced stars": "a**b" * 5_000,
    "columns": "|".join("a" * 2000) + "\n" + "|".join("-" * 2000) + "\n" + "|".join("b" * 2000),
    "lists": "- " * 1000 + "x",
    "deeper lists": "\n".join("  " * n + "- x" for n in range(1000)),
    "open fence": "```\n" + "x\n" * 5000,
    "links": "[a](http://x)" * 3000,
    "ticks": "`a" * 5000,
    "escapes": "a\\*" * 5000,
}


@pytest.mark.parametrize("name", KNOTS)
def test_knotty_markdown_keeps_its_words(name: str) -> None:
    """Nothing is lost, whatever it costs to read: what is too deep is shown as it is."""
    text = KNOTS[name]
    found = "".join(row.text for part in markdown.parts(text) for row in markdown.rows(part, 80))
    letters = [c for c in "abx" if c in text]
    assert all(found.count(c) >= text.count(c) for c in letters)
    if not letters:
        assert found.count(text[0]) == len(text)


# ---------------------------------------------------------------- laws

MARKDOWN = st.lists(
    st.sampled_from([*WORDS.split("\n"), "```", "~~~~", "", "- a", "  b", "|a|b|", "字" * 30])
).map("\n".join)


@given(MARKDOWN, st.lists(st.integers(1, 40), max_size=60))
def test_a_text_that_grows_has_the_parts_of_the_whole(text: str, sizes: list[int]) -> None:
    growing, at = markdown.Parts(), 0
    for size in sizes:
        at += size
        before = list(growing.closed)
        growing.feed(text[:at])
        assert growing.closed[: len(before)] == before
    rest = growing.feed(text)
    assert [*growing.closed, *rest] == markdown.parts(text)


@given(lives, st.integers(20, 120))
def test_applied_one_by_one_it_shows_what_it_shows_at_once(
    life: tuple[int, int], width: int
) -> None:
    view = TranscriptView(STREAM)
    flow = flow_of([], width)
    for event in lived(life, rest=False).events:
        for ident in view.apply(event):
            item = view.find(ident)
            assert item is not None
            block = flow.find(ident)
            if block is None:
                flow.append(deepcopy(item))
            else:
                block.item = deepcopy(item)
                flow.change(block)
        text_of(flow)
    whole = flow_of(view.items, width)
    assert text_of(flow) == text_of(whole)
    assert flow.heights.total == len(text_of(flow))


@given(lives, st.integers(20, 120), st.data())
def test_with_older_ones_put_before_it_shows_the_whole(
    life: tuple[int, int], width: int, data: Any
) -> None:
    items = folded(life)
    cut = data.draw(st.integers(0, len(items)))
    flow = flow_of(items[cut:], width)
    text_of(flow)
    before = flow.heights.total
    assert flow.prepend(items[:cut]) == flow.heights.total - before
    assert text_of(flow) == text_of(flow_of(items, width))
    assert flow.heights.total == len(text_of(flow))


def folded(life: tuple[int, int]) -> list[Item]:
    view = TranscriptView(STREAM)
    for event in lived(life, rest=False).events:
        view.apply(event)
    return view.items


@given(st.data(), st.integers(10, 100))
def test_walking_up_and_down_is_walking_over_all_rows(data: Any, width: int) -> None:
    flow = flow_of(every(), width, data.draw(st.sampled_from([None, OPEN])))
    total = len(text_of(flow_of(every(), width, flow.usual)))
    by = data.draw(st.integers(0, total + 5))
    up = flow.up(flow.end, by)
    left = len(list(flow.walk(up)))
    assert left == min(by, total)
    assert flow.down(up, left) == flow.end
    assert flow.top(up) + left == flow.heights.total
    row = data.draw(st.integers(0, total - 1))
    assert flow.top(flow.down(START, row)) == row
    assert flow.locate(flow.top(flow.down(START, row))) == flow.down(START, row)


@given(st.lists(st.integers(0, 9), max_size=700), st.data())
def test_heights_are_found_and_changed(heights: list[int], data: Any) -> None:
    made = Heights(heights[: len(heights) // 2])
    for height in heights[len(heights) // 2 :]:
        made.append(height)
    older = data.draw(st.lists(st.integers(0, 9), max_size=300))
    made.prepend(older)
    heights = [*older, *heights]
    for index in data.draw(st.lists(st.integers(0, max(0, len(heights) - 1)), max_size=5)):
        if heights:
            made[index] = heights[index] = data.draw(st.integers(0, 9))
    assert made.total == sum(heights)
    for index in range(0, len(heights), 37):
        assert made.top(index) == sum(heights[:index])
        if heights[index]:
            assert made.find(sum(heights[:index])) == (index, 0)


@given(st.text(st.sampled_from("ab 字é👩\u200d👧 e\u0301"), max_size=80), st.integers(2, 30))
def test_folded_rows_fit_and_join_to_the_line(text: str, width: int) -> None:
    text = plain(text)
    for words in (True, False):
        rows = fold([(text, "")], width, words=words)
        assert all(cell_len(row.text) <= width for row in rows)
        joined = rows[0].words + "".join(row.joint + row.words for row in rows[1:])
        assert joined.rstrip() == text.rstrip()


# ---------------------------------------------------------------- on the screen


async def test_it_stays_at_the_bottom_until_a_person_scrolls_up() -> None:
    items = [Item(f"n{n}", "notice", f"number {n}") for n in range(300)]
    async with rolled(items) as it:
        assert it.shown.endswith("number 299")
        it.transcript.changed(["m"], [*items, Item("m", "notice", "the newest")])
        await it.pilot.pause()
        assert it.shown.endswith("the newest")
        before = await it.press("pageup")
        assert "the newest" not in before
        it.transcript.changed(["o"], [Item("o", "notice", "newer still")])
        await it.pilot.pause()
        assert it.shown.split("\n")[:-1] == before.split("\n")[:-1]
        assert "↓ new below" in it.shown
        assert (await it.press("end")).endswith("newer still")
        assert "new below" not in it.shown


async def test_an_answer_that_grows_is_drawn_from_its_first_new_row_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[int] = []
    render_line = Transcript.render_line

    def rendered(self: Transcript, y: int) -> Strip:
        drawn.append(y)
        return render_line(self, y)

    monkeypatch.setattr(Transcript, "render_line", rendered)
    fewer = 0
    async with rolled([Item("p", "prompt", "go", "seen")]) as it:
        height = it.transcript.size.height
        for end in range(1, len(WORDS), 9):
            drawn.clear()
            it.transcript.changed(["a"], [Item("a", "reply", WORDS[:end], "open")])
            await it.pilot.pause()
            fewer += 0 < len(drawn) < height
            before = shown(it.app)
            it.transcript.refresh()
            await it.pilot.pause()
            assert shown(it.app) == before
    assert fewer


async def test_older_ones_come_without_moving_what_is_seen() -> None:
    items = [Item(f"r{n}", "reply", f"number {n}\n\n" + "word " * 40, "done") for n in range(400)]
    async with rolled(items[300:]) as it:
        before = await it.press("pageup", "pageup")
        it.transcript.prepend(items[:300])
        await it.pilot.pause()
        assert it.shown == before
        assert "number 0" in await it.press("home")
        whole = text_of(flow_of(items, 78))
        assert lines(it.transcript) == whole


async def test_scrolling_up_goes_row_by_row_through_what_was_never_seen() -> None:
    items = [Item(f"r{n}", "reply", WORDS + "word " * n, "done") for n in range(30)]
    async with rolled(items, (60, 12)) as it:
        whole = [line.rstrip() for line in lines(it.transcript)]
        it.transcript.show(items)
        await it.pilot.pause()
        for _ in range(120):
            it.transcript.scroll_relative(y=-3, animate=False)
            await it.pilot.pause()
            seen = [row.text.rstrip() for _, row in it.transcript._shown]
            start = it.transcript.flow.top(it.transcript._place)
            assert round(it.transcript.scroll_y) == start
        left = len(whole) - 11 - 360
        assert seen == whole[left : left + 11]


async def test_keys_go_from_block_to_block_fold_and_jump() -> None:
    async with rolled(every(), (80, 30)) as it:
        await it.press("home")
        assert it.at == "session/x"
        await it.press("j", "down", "j")
        assert it.at == "p1.1.1", "a reply that only calls has no line of its own"
        assert "49 line" not in it.shown
        assert "0 line" in await it.press("enter")
        assert "… 164 lines more" in await it.press("down") or it.at == "p1.1.1"
        await it.press("home", "j", "j")
        assert it.at == "p1.1"
        assert "I should" in await it.press("space")
        await it.press("right_square_bracket")
        assert it.at == "p2"
        await it.press("left_square_bracket")
        assert it.at == "p1"


async def test_all_unfolds_and_folds() -> None:
    async with rolled(every()[:9], (80, 60)) as it:
        before = it.shown
        assert "asked by words" in await it.press("e")
        assert await it.press("e") == before


async def test_a_click_folds_and_what_is_left_out_is_shown_by_the_next() -> None:
    async with rolled(every()[:4], (80, 60)) as it:
        row = it.shown.split("\n").index(next(x for x in it.shown.split("\n") if "src/f.py" in x))
        await it.pilot.click(Transcript, offset=(10, row))
        await it.pilot.pause()
        more = next(n for n, x in enumerate(it.shown.split("\n")) if "lines more" in x)
        await it.pilot.click(Transcript, offset=(10, more))
        await it.pilot.pause()
        assert "100 line" in "\n".join(lines(it.transcript))


async def test_what_is_copied_is_what_was_written() -> None:
    async with rolled(every()) as it:
        copied: list[str] = []
        it.app.copy_to_clipboard = copied.append  # type: ignore[method-assign]
        for ident in ("p1.3", "p1", "p1.1.2"):
            it.transcript.cursor = it.transcript.flow.find(ident)
            await it.press("y")
        assert copied[0] == WORDS
        assert copied[1] == "Please change *f*.\n\tAnd run the tests."
        assert copied[2] == "shell pytest -x | tee log\nE   1 == 2\nFAILED\nmore"


async def test_what_is_dragged_over_is_told_without_margins_and_folds() -> None:
    text = "some words that are long enough to be folded, twice\n\n```\na = 1\n  b = 2\n```"
    async with rolled([Item("r", "reply", text, "done")], (24, 12)) as it:
        await it.pilot.mouse_down(Transcript, offset=(3, 0))
        await it.pilot.hover(Transcript, offset=(18, 5))
        await it.pilot.mouse_up(Transcript, offset=(18, 5))
        await it.pilot.pause()
        found = it.app.screen.get_selected_text()
        assert found is not None
        assert found.strip() == text.replace("```\n", "").replace("\n```", "")
        whole = it.transcript.get_selection(Selection(None, None))
        assert whole == (text, "\n")


async def test_a_selection_stays_where_it_is_when_older_ones_come() -> None:
    items = [Item(f"r{n}", "reply", f"number {n} " + "word " * 40, "done") for n in range(60)]
    async with rolled(items[30:], (60, 20)) as it:
        start = Offset(3, it.transcript._top - it.transcript._origin)
        selection = Selection(start, Offset(20, start.y + 3))
        before = it.transcript.get_selection(selection)
        it.transcript.prepend(items[:30])
        await it.press("pageup", "pageup", "pageup")
        assert it.transcript.get_selection(selection) == before


async def test_it_is_searched_and_every_place_is_gone_to() -> None:
    items = [Item(f"n{n}", "notice", f"number {n}") for n in range(300)]
    items[40].text = items[120].text = "a needle, and [e] q"
    items[200].kind, items[200].args, items[200].output = "call", {}, "hay\n" * 100 + "Needle\n"
    items[200].output += "hay\n" * 100
    async with rolled(items) as it:
        assert "needle e▏" in await it.press("slash", *"needle", "space", "e")
        await it.press("backspace", "backspace", "enter")
        await it.pilot.app.workers.wait_for_complete()
        assert "Needle" in await it.press("f12")
        assert "3 of 3" in it.shown
        assert it.at == "n200"
        assert "a needle" in await it.press("N")
        assert it.at == "n120"
        await it.press("N", "N")
        assert it.at == "n200"
        await it.press("n")
        assert it.at == "n40"
        assert "needle ·" not in await it.press("escape")
        assert it.transcript.search is None


async def test_within_one_long_answer_every_place_is_gone_to() -> None:
    parts = "\n\n".join(f"needle {n}\n\n" + "hay\n\n" * 60 for n in range(3))
    items = [Item("p", "prompt", "a needle"), Item("r", "reply", parts, "done")]
    async with rolled(items) as it:
        await it.press("slash", *"needle", "enter")
        await it.pilot.app.workers.wait_for_complete()
        for key, seen in zip(("f12", *"NNNNnn"), "210a2a0", strict=True):
            wanted = "a needle" if seen == "a" else f"needle {seen}"
            assert wanted in await it.press(key), (key, seen)
        assert it.at == "r"


async def test_what_is_typed_at_once_behind_the_slash_is_searched_for() -> None:
    async with rolled(every()) as it:
        for key in ("slash", *"yen", "enter"):
            it.app.post_message(events.Key(key, "/" if key == "slash" else key[:1]))
        await it.pilot.pause()
        assert it.transcript.search is not None
        assert it.transcript.search.text == "yen"
        assert it.transcript.flow.usual == BRIEF


def test_what_ended_a_run_is_said_once() -> None:
    flow = Flow()
    flow.append(Item("p.1", "reply", "", "failed", output="network: gone; it is asked again"))
    flow.append(Item("p.2", "reply", "", "failed", output="network: gone (given up)"))
    assert not flow.blocks[1].silent  # an unattended run waits with this as its last word
    flow.append(Item("p.end", "run", "gone (given up)", "error"))
    assert [block.silent for block in flow.blocks] == [True, True, False]
    flow.show([Item("q.1", "reply", "half", "failed", output="cut: gone")])
    flow.append(Item("q.end", "run", "gone", "error"))
    drawn = "".join(
        text for piece in flow.pieces(0) for row in piece.rows(80) for text, _ in row.spans
    )
    assert "half" in drawn
    assert "gone" not in drawn


@pytest.mark.parametrize("kind", KINDS_OF_CLIENT)
async def test_what_is_typed_behind_a_click_into_the_conversation_is_said(
    tmp_path: Path, kind: str
) -> None:
    async with screen(tmp_path, [say("Well."), say("Yes.")], kind=kind) as it:
        await it.type("go\n")
        await it.until("done")
        talk, prompt = it.app.query_one(Talk), it.app.query_one(Prompt)
        for where in ("files", "conversation"):
            it.app.action_pane(where)
            await it.pilot.click(Talk, offset=(4, 2))
            assert talk.cursor is not None
            await it.type("try again nery")
            assert prompt.editor.text == "try again nery"
            prompt.editor.text = ""
        it.app.action_pane("files")
        await it.pilot.mouse_down(Talk, offset=(2, 2))
        await it.pilot.hover(Talk, offset=(4, 2))
        await it.pilot.hover(Talk, offset=(4, 3))
        await it.pilot.mouse_up(Talk, offset=(4, 3))
        await it.settle()
        assert it.app.screen.get_selected_text(), "it is selected all the same"
        assert it.app.focused is prompt.editor
        talk.focus()
        await it.press("j")
        await it.pilot.click(Talk, offset=(4, 2))
        await it.press("y")
        await it.until(lambda: "copied" in it.told)
        assert prompt.editor.text == "", "who came by a key has its keys"


def tried(number: int, after: str = " after 8 s") -> Item:
    """A try that failed, with when the next one comes."""
    fault = "network: example.org could not be reached: " + "no route to host, " * 9
    return Item(f"p.{number}", "reply", "", "failed", output=f"{fault}{AGAIN}{after}")


def test_tries_that_fail_are_counted_in_one_line() -> None:
    flow = Flow()
    flow.resize(60)
    flow.append(Item("p", "prompt", "go", "seen"))
    for number in (1, 2, 3):
        flow.append(Item(f"p.{number}", "reply", status="open"))
        asked = "the model is asked …" if number == 1 else f"  try {number} is asked …"
        assert text_of(flow)[-1].endswith(asked)
        block = flow.find(f"p.{number}")
        assert block is not None
        block.item = tried(number)
        flow.change(block)
        assert len(text_of(flow)) == 3
        assert text_of(flow)[-1].startswith("✗ network: example.org")
        assert text_of(flow)[-1].endswith(f"  try {number} · again after 8 s")
    last = flow.blocks[-1]
    last.level = last.turned(BRIEF)
    flow.change(last)
    assert "no route to host" in "".join(text_of(flow)), "all of it is unfolded"
    last.level = last.turned(BRIEF)
    flow.append(Item("q", "prompt", "and this", "queued"))
    flow.append(Item("p.4", "reply", "", "open"))
    assert sum("✗" in line for line in text_of(flow)) == 1
    answer = flow.find("p.4")
    assert answer is not None
    answer.item.text = "Here I am."
    flow.change(answer)
    assert [line[:1] for line in text_of(flow) if line.strip()] == ["›", "✗", "›", " ", "●"]
    assert flow.heights.total == len(text_of(flow))


def test_what_a_run_waited_for_is_told_with_its_tries() -> None:
    flow = Flow()
    for number in (1, 2, 3):
        flow.append(tried(number, ""))
        flow.append(Item(f"RunStalled.{number}", "notice", "waits: needs a network"))
        assert [line[:9] for line in text_of(flow)] == ["✗ network", "· waits: "]
        assert f"try {number}" in text_of(flow)[0]
        if number < 3:
            flow.append(Item(f"RunResumed.{number}", "notice", "it goes on"))
            assert text_of(flow)[-1] == "· it goes on"
    items = [block.item for block in flow.blocks]
    assert text_of(flow) == text_of(flow_of(items, flow.width)), "as when it is read at once"
    flow.append(Item("RunResumed.3", "notice", "it goes on"))
    flow.append(Item("p.4", "reply", "Here I am.", "done"))
    assert len([line for line in text_of(flow) if line.strip()]) == 4, "the last wait is told"


async def test_what_failed_can_be_asked_again_and_a_call_seen_in_the_trace() -> None:
    async with rolled(every()) as it:
        for ident, key in (("p5.end", "r"), ("p5.3", "r"), ("p1.1.2", "t"), ("job1", "t")):
            it.transcript.cursor = it.transcript.flow.find(ident)
            await it.press(key)
        said = [vars(m).get("run") or vars(m).get("call") for m in it.app.said]
        assert said == ["p5", "p5", "p1.1.2", "p1.2.5"]


async def test_another_size_keeps_what_is_at_the_top() -> None:
    items = [Item(f"r{n}", "reply", f"number {n} " + "word " * 60, "done") for n in range(200)]
    async with rolled(items, (90, 20)) as it:
        await it.press("pageup", "pageup", "pageup")
        top = it.transcript._place.block
        for width in (60, 20, 140, 90):
            await it.pilot.resize_terminal(width, 20)
            await it.pilot.pause()
            assert it.transcript._place.block == top
        await it.pilot.resize_terminal(1, 1)
        await it.pilot.pause()
        await it.press("end")
        await it.pilot.resize_terminal(90, 20)
        await it.pilot.pause()
        assert "number 199" in it.shown


async def test_only_what_is_seen_is_made() -> None:
    items = [Item(f"r{n}", "reply", WORDS, "done") for n in range(2000)]
    async with rolled(items) as it:
        while it.transcript._older:
            await it.pilot.pause()
        await it.press("pageup", "home")
        assert sum(block.made for block in it.transcript.flow.blocks) < 30


async def test_a_large_output_is_made_piece_by_piece() -> None:
    item = Item(
        "c", "call", "", "ok", name="shell", args={"command": "x"}, output="word\n" * 200_000
    )
    async with rolled([item]) as it:
        await it.press("enter", "enter", "home")
        pieces = it.transcript.flow.pieces(0)
        assert len(pieces) > 500
        assert sum(piece.held for piece in pieces) < 10
        assert it.transcript.flow.heights.total > 150_000
        await it.press("end")
        assert it.shown.endswith("│ word")


async def test_a_theme_is_put_on_at_once() -> None:
    async with rolled(every()) as it:
        before = {segment.style for strip in it.app.screen._compositor.render_strips()
                  for segment in strip}  # fmt: skip
        it.app.theme = "textual-light"
        await it.pilot.pause()
        after = {segment.style for strip in it.app.screen._compositor.render_strips()
                 for segment in strip}  # fmt: skip
        assert not {s for s in before & after if s is not None and s.color is not None}


@pytest.mark.parametrize("kind", KINDS_OF_CLIENT)
async def test_a_long_session_is_there_to_its_beginning(tmp_path: Path, kind: str) -> None:
    """The end first, the rest behind it, over a client of each kind."""
    async with screen(tmp_path, lambda prompt: say("Nothing there."), kind=kind) as it:
        await it.type("first\n")
        await it.until("Nothing there.")
        conversation = it.app.desk.conversation
        assert conversation is not None
        stream = conversation.stream
        for number in range(80):
            await it.client.submit(SubmitPrompt(stream, f"more{number}", f"prompt {number}"))
        await it.until(lambda: sum(item.kind == "run" for item in conversation.items) == 81)
        items = len(conversation.items)
        assert items > 200
        await it.app.desk.open(stream)
        talk = it.app.query_one(Talk)
        await it.until(lambda: talk._shows is it.app.desk.conversation)
        talk.focus()
        await it.press("home")  # while the rest is read
        await it.until(lambda: len(talk.flow.blocks) == items)
        await it.until("first")
        await it.app.desk.leave()
        await it.until("Say what is to be done.")
        first = next(item.id for item in conversation.items if item.kind == "prompt")
        await places.show_item(it.app, stream, first)  # which is not read yet
        await it.until(lambda: talk.cursor and talk.cursor.item.id == first)
        await it.until("first")


async def test_what_waited_its_turn_is_told_over_its_answer() -> None:
    items = [
        Item("p", "prompt", "first", "seen", at=1.0),
        Item("p.1", "reply", "", "done", at=1.0),
        Item("p.1.1", "call", name="ls", args={}, status="ok"),
        Item("q", "prompt", "second\nof two", "seen", at=2.0),
        Item("w", "prompt", "third", "seen", at=3.0),
        Item("p.2", "reply", "done first", "done"),
        Item("p.end", "run", status="done", at=40.0),
        Item("q.1", "reply", "done second", "done", at=41.0),
        Item("q.end", "run", status="done", at=43.0),
        Item("n", "notice", "mode plan"),
        Item("w.1", "reply", "", "done", at=44.0),
        Item("w.1.1", "call", name="ls", args={}, status="ok"),
    ]
    async with rolled(items, (60, 40)) as it:
        rows = [row.split("  ")[0].strip() for row in it.shown.splitlines()]
        assert [row for row in rows if row][-9:] == [
            "› third",
            "● done first",
            "─ done in 39.0 s",
            "› second of two",
            "● done second",
            "─ done in 2.0 s",
            "· mode plan",
            "› third",
            "✓ ls",
        ]


async def test_what_a_person_refused_took_no_time_of_its_own() -> None:
    kinds = ("denied", "error")
    items = [Item(s, "call", name="shell", args={}, status=s, seconds=42.0) for s in kinds]
    async with rolled(items) as it:
        ends = [line.split("  ")[-1].strip() for line in it.shown.splitlines() if "shell" in line]
        assert ends == ["refused", "failed · 42.0 s"]
