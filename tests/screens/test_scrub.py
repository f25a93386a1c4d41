"""The time scrubber: every key of it over both clients, and that its end is the present."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.house import call, prompt, say, until
from tests.screens.kit import KINDS, Screen, screen
from tests.screens.looks import check_looks
from tuiagent.clients.tui.screens.scrub import Scrub
from tuiagent.clients.tui.screens.slider import Slider
from tuiagent.clients.tui.transcript import Excerpt
from tuiagent.kernel.call import CallJudged
from tuiagent.kernel.event import Event
from tuiagent.kernel.lifecycle import Origin, SessionOpened
from tuiagent.kernel.prompts import PromptSubmitted
from tuiagent.kernel.run import RunFinished
from tuiagent.kernel.session import OpenSession
from tuiagent.ports import Client, Window
from tuiagent.views.files import ChangedFile
from tuiagent.views.timeline import failed, touched

S = "session/s1"
TURNS = [
    call("write", path="漢", content="one\n"),
    call("read", path="nothing-there"),
    say("Halfway."),
    call("shell", command="\x1b[31mrm\x1b[0m \u202e-r x"),
    say("Done."),
]
ALL = Window(limit=10_000)


async def lived(client: Client, folder: str, mode: str = "accept-edits", name: str = S) -> None:
    """Two prompts: the first changes a file and fails to read one, the second waits for a yes."""
    await client.submit(OpenSession(name, SessionOpened(folder, "scripted/x", mode)))
    await prompt(client, "begin", "p1", name)
    await until(client, RunFinished, name)
    await prompt(client, "go on", "p2", name)
    await until(client, CallJudged, name, 3)


async def opened(it: Screen, stream: str = S) -> Scrub:
    """The screen, once everything was read."""
    await it.app.desk.open(stream)
    await it.press("ctrl+t")
    await it.until(lambda: isinstance(it.app.screen, Scrub) and it.app.screen._read)
    assert isinstance(it.app.screen, Scrub)
    return it.app.screen


@pytest.mark.parametrize("kind", KINDS)
async def test_its_end_is_the_present(tmp_path: Path, kind: str) -> None:
    async with screen(tmp_path, TURNS, kind=kind) as it:
        await lived(it.client, str(it.work))
        sheet = await opened(it)
        timeline = sheet.timeline
        transcript = (await it.client.read("transcript", S, ALL)).data
        (status,) = (await it.client.read("status", S)).data
        files = msgspec.convert((await it.client.read("files", S, ALL)).data, list[ChangedFile])
        assert plain(timeline.items) == plain(transcript)
        assert plain(timeline.status) == plain(status)
        assert list(timeline.files.values()) == [touched(file) for file in files]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_past_of_a_fork_begins_in_its_origin(tmp_path: Path, kind: str) -> None:
    async with screen(tmp_path, TURNS, kind=kind) as it:
        await lived(it.client, str(it.work))
        at = (await it.client.read("sessions")).position
        begun = SessionOpened(str(it.work), "scripted/x", "ask", origin=Origin(S, at))
        await it.client.submit(OpenSession("session/fork", begun))
        await prompt(it.client, "not of the fork", "p3")
        sheet = await opened(it, "session/fork")
        found = (await it.client.read("transcript", "session/fork", ALL)).data
        assert plain(sheet.timeline.items) == plain(found)
        assert sheet.timeline.events[-1].stream == "session/fork"


@pytest.mark.parametrize("kind", KINDS)
async def test_every_key_goes_where_it_says(tmp_path: Path, kind: str) -> None:
    async with screen(tmp_path, TURNS, kind=kind) as it:
        await lived(it.client, str(it.work))
        sheet = await opened(it)
        timeline = sheet.timeline
        end = len(timeline.events)
        assert timeline.place == end

        async def at(key: str) -> Event:
            await it.press(key)
            await it.pilot.pause()
            assert f"event {timeline.place} of {end}" in it.shown
            return timeline.events[timeline.place - 1]

        first = (await at("shift+left")).fact
        assert isinstance(first, PromptSubmitted)
        assert first.text == "go on"
        assert "rm" not in it.shown
        await at("left")
        assert "go on" not in it.shown.split("Home/End")[0]
        assert failed(await at("E"))
        await at("home")
        assert failed(await at("e"))
        await at("home")
        assert timeline.place == 0
        assert isinstance((await at("n")).fact, PromptSubmitted)
        place = timeline.place
        await at("right")
        assert timeline.place == place + 1
        await at("home")
        asked = await at("a")
        assert isinstance(asked.fact, CallJudged)
        await at("end")
        assert await at("A") is asked
        await at("home")
        await at("ctrl+right")
        assert timeline.place == max(1, end // 20)
        await at("ctrl+left")
        assert timeline.place == 0
        await at("end")
        assert timeline.place == end


async def test_the_mouse_drags_it(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        await lived(it.client, str(it.work))
        sheet = await opened(it)
        await it.pilot.mouse_down(Slider, offset=(60, 1))
        middle = sheet.timeline.place
        assert 0 < middle < len(sheet.timeline.events)
        await it.pilot.hover(Slider, offset=(0, 1))
        await it.pilot.mouse_up(Slider, offset=(0, 1))
        assert sheet.timeline.place == 0
        await it.pilot.hover(Slider, offset=(50, 1))
        assert sheet.timeline.place == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_a_fork_begins_at_the_event_that_is_shown(tmp_path: Path, kind: str) -> None:
    async with screen(tmp_path, TURNS, kind=kind) as it:
        await lived(it.client, str(it.work))
        sheet = await opened(it)
        await it.press("shift+left", "left", "f")
        await it.until(lambda: it.app.desk.conversation and it.app.desk.conversation.stream != S)
        conversation = it.app.desk.conversation
        assert conversation
        texts = [item.text for item in conversation.items]
        assert "Halfway." in texts
        assert "go on" not in texts
        assert it.app.screen is not sheet


@pytest.mark.parametrize("kind", KINDS)
async def test_enter_shows_the_event_in_the_conversation(tmp_path: Path, kind: str) -> None:
    async with screen(tmp_path, TURNS, kind=kind) as it:
        await lived(it.client, str(it.work))
        await opened(it)
        gone: list[str] = []
        it.app.query_one("Talk").go_to = gone.append  # type: ignore[attr-defined]
        await it.press("shift+left", "enter")
        await it.until(lambda: gone)
        assert gone == ["p2"]


async def test_what_happens_meanwhile_is_there_and_moves_nobody(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        await lived(it.client, str(it.work))
        sheet = await opened(it)
        end = len(sheet.timeline.events)
        await prompt(it.client, "more", "p3")
        await it.until(lambda: sheet.timeline.place == end + 1)
        await it.press("home")
        await prompt(it.client, "still more", "p4")
        await it.until(lambda: len(sheet.timeline.events) == end + 2)
        assert sheet.timeline.place == 0


def plain(data: Any) -> Any:
    """The data as any wire carries them."""
    return msgspec.json.decode(msgspec.json.encode(data))


def dated(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "2026-01-01 00:00:00", text)


@pytest.mark.timeout(300)
async def test_how_it_looks(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        began = it.engine.journal.world.now()
        it.engine.journal.world.now = lambda: began  # type: ignore[method-assign] - all takes no time
        await lived(it.client, "/", "locked")
        await until(it.client, RunFinished, S, 2)
        await opened(it)
        await check_looks(it, "scrub-end", told=dated)
        await it.press("shift+left", "shift+left")
        await check_looks(it, "scrub-begun", told=dated)
        await it.press("home")
        await check_looks(it, "scrub-empty", told=dated)
        assert not it.app.screen.query_one(Excerpt).flow.blocks
