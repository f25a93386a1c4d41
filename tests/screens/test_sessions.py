"""The sessions screen: every key of it over both clients, and how it looks."""

import time
from pathlib import Path

import msgspec
import pytest

from tests.house import STREAM, call, opened, prompt, say, until
from tests.screens.kit import KINDS, Screen, screen
from tests.screens.looks import check_looks
from tuiagent.clients.tui.approvals import ApprovalBar
from tuiagent.clients.tui.screens.sessions import Sessions
from tuiagent.kernel.lifecycle import NameSession
from tuiagent.kernel.run import RunFinished
from tuiagent.ports import Client, Window
from tuiagent.views.search import Hit
from tuiagent.views.sessions import Row

ROOMY = (200, 40)
"""There the header has room for a title beside any folder that tests run in."""
TURNS = [say("Nobody expects parse_args here.")]


async def three(client: Client, folder: Path) -> None:
    """Sessions about a parser, a lexer and a printer; the last one is the newest."""
    for name in ("parser", "lexer", "printer"):
        stream = f"session/{name}"
        await opened(client, folder, stream=stream)
        await prompt(client, f"mend the {name}", name, stream)
        await until(client, RunFinished, stream)


async def listed(it: Screen, count: int = 3) -> Sessions:
    """The screen, once it shows so many."""
    await it.press("ctrl+o")
    await it.until(lambda: isinstance(it.app.screen, Sessions))
    sheet = it.app.screen
    assert isinstance(sheet, Sessions)
    await it.until(lambda: sheet.whole and sheet.listed.count_shown == count)
    return sheet


@pytest.mark.parametrize("kind", KINDS)
async def test_a_few_letters_find_a_session_and_enter_goes_on_with_it(
    tmp_path: Path, kind: str
) -> None:
    async with screen(tmp_path, TURNS, kind=kind) as it:
        await three(it.client, tmp_path)
        sheet = await listed(it)
        assert sheet.at is not None
        assert sheet.at.stream == "session/printer"
        await it.press("down", "down", "up")
        assert sheet.at is not None
        assert sheet.at.stream == "session/lexer"
        await it.type("prsr")
        await it.until(lambda: sheet.listed.count_shown == 1)
        await it.until(lambda: "Nobody expects" in it.shown)  # the end of it, beside the list
        await it.press("enter")
        await it.until(lambda: it.app.desk.conversation)
        assert it.app.desk.conversation
        assert it.app.desk.conversation.stream == "session/parser"
        await it.until("mend the parser")


@pytest.mark.parametrize("kind", KINDS)
async def test_what_was_said_is_found_and_opened_where_it_was_said(
    tmp_path: Path, kind: str
) -> None:
    async with screen(tmp_path, TURNS, kind=kind) as it:
        await three(it.client, tmp_path)
        sheet = await listed(it)
        gone: list[str] = []
        transcript = it.app.query_one("Talk")
        transcript.go_to = gone.append  # type: ignore[attr-defined]
        await it.press("ctrl+s")
        await it.type("parse args")
        await it.until(lambda: len(sheet.listed.hits) == 3)
        assert "Nobody expects parse_args here." in it.shown
        await it.press("down", "enter")
        await it.until(lambda: gone)
        conversation = it.app.desk.conversation
        assert conversation
        assert conversation.stream == "session/lexer"
        assert gone == ["lexer.1"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_session_is_renamed_put_away_and_brought_back(tmp_path: Path, kind: str) -> None:
    async with screen(tmp_path, TURNS, kind=kind) as it:
        await three(it.client, tmp_path)
        sheet = await listed(it)
        await it.press("ctrl+r")
        await it.type("neat\n")
        await it.until("neat: mend the printer")
        await it.press("ctrl+a")
        await it.until(lambda: sheet.listed.count_shown == 2)
        await it.until(lambda: "Archived a session. ^Z brings back" in it.told)
        await it.press("ctrl+z")
        await it.until(lambda: sheet.listed.count_shown == 3)
        await it.press("up", "ctrl+a")
        await it.until(lambda: sheet.listed.count_shown == 2)
        await it.press("ctrl+l")
        await it.until(lambda: sheet.listed.count_shown == 3)
        await it.until("archived")
        await it.press("up", "ctrl+a")
        await it.until(lambda: not sheet.listed.rows["session/printer"].archived)
        await it.press("ctrl+r", "escape", "escape")
        await it.until(lambda: it.app.screen is not sheet)


@pytest.mark.parametrize("kind", KINDS)
async def test_several_are_deleted_and_ctrl_z_brings_them_back(tmp_path: Path, kind: str) -> None:
    async with screen(tmp_path, TURNS, kind=kind) as it:
        await three(it.client, tmp_path)
        sheet = await listed(it)
        await it.press("insert", "insert", "ctrl+d")
        await it.until(lambda: "Deleted 2 sessions. ^Z brings back until" in it.told)
        await it.until(lambda: sheet.listed.count_shown == 1)
        assert not sheet.listed.marked
        await it.press("ctrl+z")
        await it.until(lambda: sheet.listed.count_shown == 3)
        rows = (await it.client.read("sessions")).data
        assert all(row["deleted"] is None for row in rows)


async def test_nothing_is_answered_that_the_screen_covers(tmp_path: Path) -> None:
    turns = [call("write", path="f", content="one\n")]
    async with screen(tmp_path, turns) as it:
        await opened(it.client, tmp_path, "ask")
        await prompt(it.client)
        await it.app.desk.open(STREAM)
        await it.until(lambda: it.app.desk.waiting and it.app.query_one(ApprovalBar).display)
        await it.press("ctrl+o")
        await it.until(lambda: isinstance(it.app.screen, Sessions))
        assert not it.app.check_action("judge", (True,))
        await it.press("escape")
        await it.until(lambda: not isinstance(it.app.screen, Sessions))
        assert it.app.check_action("judge", (True,))


async def test_a_deleted_session_is_not_opened(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        await three(it.client, tmp_path)
        sheet = await listed(it)
        await it.press("ctrl+l", "ctrl+d")
        await it.until("deleted")
        await it.until(lambda: sheet.listed.rows["session/printer"].deleted)
        await it.until(lambda: sheet.at and sheet.at.deleted)
        await it.press("enter")
        await it.until(lambda: "^Z brings it back" in it.told)
        assert it.app.desk.conversation is None


@pytest.mark.parametrize("kind", KINDS)
async def test_a_fork_begins_where_the_session_stands(tmp_path: Path, kind: str) -> None:
    async with screen(tmp_path, TURNS, kind=kind, size=ROOMY) as it:
        await three(it.client, tmp_path)
        await listed(it)
        await it.press("ctrl+f")
        await it.until(lambda: it.app.desk.conversation)
        conversation = it.app.desk.conversation
        assert conversation
        row = (await it.client.read("sessions", conversation.stream)).data[0]
        assert row["origin"] == "session/printer"
        assert [item.text for item in conversation.items][1] == "mend the printer"
        await it.until("  ↳ mend")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_fork_is_called_as_its_origin_with_a_mark(tmp_path: Path, kind: str) -> None:
    async with screen(tmp_path, lambda prompt: say("Yes."), kind=kind, size=ROOMY) as it:
        await three(it.client, tmp_path)
        await it.client.submit(NameSession("session/printer", "printer"))
        await listed(it)
        await it.press("ctrl+f")
        await it.until("  ↳ printer ")
        await it.type("go on\n")
        await it.until(lambda: it.app.desk.conversation.status.ended)  # type: ignore[union-attr]
        await listed(it, 4)
        await it.press("ctrl+f")
        await listed(it, 5)
        assert it.shown.count(" ↳ printer") == 2, "a fork of a fork has one mark"


@pytest.mark.parametrize(
    ("name", "begins"), [("a.md", "# mend the printer"), ("a.json", "["), ("a.jsonl", "{")]
)
async def test_a_session_is_written_to_a_file_of_the_kind_that_its_name_says(
    tmp_path: Path, name: str, begins: str
) -> None:
    async with screen(tmp_path, TURNS) as it:
        await three(it.client, tmp_path)
        await listed(it)
        if name.endswith("l"):
            it.app.desk.client.read = exported(it.client)  # type: ignore[method-assign]
        for _ in range(2):
            await it.press("ctrl+x")
            await it.press(*["backspace"] * 20)
            await it.type(f"{name}\n")
            await it.until(lambda: (it.work / name).exists())
        assert (it.work / name).read_text().startswith(begins)
        await it.until(lambda: "is there already" in it.told)


def exported(client: Client):
    """Reads as before, but for the view that only a whole house has."""
    read = client.read

    async def reading(view: str, key: str = "", window: Window | None = None):
        found = await read("sessions" if view == "export" else view, key, window)
        return msgspec.structs.replace(found, data=["{}"]) if view == "export" else found

    return reading


async def test_several_sessions_are_written_to_a_folder(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        await three(it.client, tmp_path)
        await listed(it)
        await it.press("insert", "insert", "ctrl+x", "enter")
        await it.until(lambda: len(list(it.work.glob("*.md"))) == 2)
        assert (it.work / "lexer.md").stat().st_mode & 0o077 == 0


async def test_an_export_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        await three(it.client, tmp_path)
        await listed(it)
        await it.press("ctrl+x")
        await it.type("/no.exe\n")
        await it.until(lambda: "its end says as what" in it.told)


async def test_a_session_that_begins_elsewhere_appears(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        await three(it.client, tmp_path)
        sheet = await listed(it)
        await opened(it.client, tmp_path, stream="session/new")
        await it.client.submit(NameSession("session/new", "born just now"))
        await it.until("born just now")
        assert sheet.listed.count_shown == 4


async def test_the_folder_at_hand_comes_first_unless_all_are_wanted(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        await it.press("ctrl+o")
        sheet = await shows(it, USUAL)
        here = sheet.listed.folder
        assert sheet.at is not None
        assert sheet.at.folder == here
        await it.press("ctrl+g")
        await it.until(lambda: sheet.listed.row(0) is USUAL[-1])


async def test_the_mouse_takes_what_it_clicks_twice(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        await three(it.client, tmp_path)
        await listed(it)
        await it.pilot.click("#rows", offset=(20, 1))
        await it.pilot.double_click("#rows", offset=(20, 1))
        await it.until(lambda: it.app.desk.conversation)
        assert it.app.desk.conversation
        assert it.app.desk.conversation.stream == "session/lexer"


async def test_ten_thousand_sessions_are_read_and_only_the_seen_ones_drawn(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        await it.press("ctrl+o")
        sheet = await shows(it, HUGE)
        drawn: list[int] = []
        line = sheet._rows.line
        sheet._rows.line = lambda number: drawn.append(number) or line(number)  # type: ignore
        await it.press("ctrl+end")
        await it.until(lambda: sheet._rows.at == len(HUGE) - 1)
        await it.type("no 77 7")
        await it.until(lambda: 0 < sheet.listed.count_shown < 1000)
        assert len(set(drawn)) < 200


# ---------------------------------------------------------------- how it looks

NOW = time.time()
STATES = "new running waiting done error limit refused interrupted cancelled".split()


def row(number: int, status: str = "done", **more: object) -> Row:
    at = NOW - (number + 1) * 3600 - 1200
    usual = {"title": f"number {number}", "status": status}
    return Row(f"session/s{number}", "/srv/shop", "openai/gpt-x", at, at, **(usual | more))  # type: ignore[arg-type]


USUAL = [
    *(row(40 - n, status) for n, status in enumerate(STATES)),
    row(9, "waiting", error="needs key OPENAI_API_KEY"),
    row(7, name="漢字の名前", title="ein sehr langer Titel mit 漢字 und mehr, der nicht passt"),
    row(6, title="\x1b[31mred\x1b[0m \u202eevil [bold]not markup[/]\nsecond line"),
    row(5, name="nice name", title="and its first words"),
]
HUGE = [row(n, title=f"no {n}") for n in range(10_000)]


async def shows(it: Screen, rows: list[Row]) -> Sessions:
    """The screen with these rows; the oldest of them is of the folder at hand."""
    await it.until(lambda: isinstance(it.app.screen, Sessions))
    sheet = it.app.screen
    assert isinstance(sheet, Sessions)
    await it.until(lambda: not sheet._work)
    if rows:
        rows[0].folder = sheet.listed.folder
    sheet.listed.take(rows)
    sheet._sift()
    await it.until(lambda: sheet.listed.count_shown == len(rows))
    return sheet


@pytest.mark.timeout(300)
async def test_how_it_looks(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        for name, rows in {"empty": [], "huge": HUGE, "usual": USUAL}.items():
            await it.press(*["escape"] * (name != "empty"), "ctrl+o")
            sheet = await shows(it, rows)
            await it.pilot.pause()
            sheet._peeking and sheet._peeking.cancel()
            await check_looks(it, f"sessions-{name}")
        sheet.listed.contents = True
        place = ("session/s5", "nice name", "and", 7, NOW - 7210)
        hostile = ("session/s6", "", "\x1b[31mred \u202e", 8, NOW - 5000)
        sheet.listed.hits = [
            Hit(*place, "reply", "…there 漢字 is a parser in it", [(13, 19)]),
            Hit(*hostile, "output", "\x1b]0;x\x07a \u202eparser", [(8, 14)]),
        ]
        sheet._rows.renew()
        sheet.said("head")
        await it.pilot.pause()
        await check_looks(it, "sessions-found")
