"""Who is at a session, who drives it, and how it comes to be driven here."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.house import call, facts, opened, prompt, say, until
from tests.screens.kit import KINDS, LIMIT, Screen, pressed, screen
from tests.screens.looks import check_looks
from tuiagent.clients.tui import presence
from tuiagent.clients.tui.presence import OwnerBar
from tuiagent.clients.tui.prompt import Prompt
from tuiagent.clients.tui.prompt.drafts import Drafts
from tuiagent.clients.tui.severed import ServerBar
from tuiagent.clients.web.lasting import Lasting
from tuiagent.kernel.call import CallJudged
from tuiagent.kernel.event import Intent
from tuiagent.kernel.lifecycle import NameSession
from tuiagent.kernel.presence import HERE, TYPING, Driven, Presence, ShowPresence
from tuiagent.kernel.prompts import PromptSubmitted
from tuiagent.kernel.run import RunFinished

S = "session/s1"


class Elsewhere:
    """Another process that drives every session and lets go only when it is made to."""

    def __init__(self, it: Screen, lets_go: str = "") -> None:
        self.asked: list[tuple[str, str]] = []
        self.rests = False
        """Whether it drives nothing any more."""
        self._lets_go = lets_go
        it.app.desk.host.adopt = self.adopt  # type: ignore[method-assign]

    async def adopt(self, stream: str, take: str = "") -> bool:
        self.asked.append((stream, take))
        return self.rests or (bool(take) and take == self._lets_go)


@pytest.mark.parametrize("kind", KINDS)
async def test_others_see_who_types_and_who_has_stopped(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "STOPPED", 0.2)
    async with screen(tmp_path, kind=kind) as it:
        await opened(it.client, tmp_path)
        await it.app.desk.open(S)
        await it.until(lambda: it.app.desk.conversation and it.app.desk.conversation.caught_up)
        seen: list[str] = []

        async def watch() -> None:
            async for one in it.client.watch(S):
                if isinstance(one, Presence):
                    seen.append(one.doing)

        it.app.desk.spawn(watch())
        await it.until(lambda: seen == [HERE])
        for key in "abc":  # at once, however slow the machine is
            it.app._driver.send_message(pressed(key))  # type: ignore[union-attr]
        await it.until(lambda: TYPING in seen)
        await it.until(lambda: seen[-1] == HERE)
        assert seen == [HERE, TYPING, HERE]


async def test_who_else_is_there_is_shown(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        await opened(it.client, tmp_path)
        await it.app.desk.open(S)
        await it.client.submit(ShowPresence(S, "other", "\x1b[31mann at tty9", TYPING))
        await it.until("ann at tty9 is typing")


async def test_a_session_that_another_process_drives_is_asked_for_then_taken(
    tmp_path: Path,
) -> None:
    async with screen(tmp_path) as it:
        await opened(it.client, tmp_path)
        other = Elsewhere(it, lets_go="kill")
        await it.app.desk.open(S)
        await it.until("Driven by another process.")
        assert other.asked == [(S, "")]
        await it.press("alt+t")
        await it.until("Alt+T kills it")
        assert other.asked[1:] == [(S, "ask")]
        await it.pilot.click(OwnerBar)
        assert other.asked[2:] == []
        await it.press("alt+t")
        await it.until(lambda: "goes on here now" in it.told)
        assert other.asked[2:] == [(S, "kill")]
        assert "Alt+T" not in it.shown


async def test_a_click_asks_and_never_kills(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        await opened(it.client, tmp_path)
        other = Elsewhere(it, lets_go="ask")
        await it.app.desk.open(S)
        await it.until("Driven by another process.")
        await it.pilot.click(OwnerBar)
        await it.until(lambda: "goes on here now" in it.told)
        assert [take for _, take in other.asked] == ["", "ask"]


async def test_who_drives_it_is_followed(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        await opened(it.client, tmp_path)
        await it.app.desk.open(S)
        await it.until(lambda: it.app.desk.conversation and it.app.desk.conversation.caught_up)
        other = Elsewhere(it)
        it.engine.hub.signal(Driven(S, True))
        await it.until("Driven by another process.")
        it.engine.hub.signal(Driven(S, False))
        await it.until(lambda: other.asked == [(S, "")])
        assert "Driven by another process." in it.shown, "a third one was quicker"
        it.engine.hub.signal(Driven(S, True))
        await it.until(lambda: it.app.query_one(OwnerBar)._elsewhere)
        other.rests = True
        it.engine.hub.signal(Driven(S, False))
        await it.until(lambda: "Driven by another process." not in it.shown)


async def test_what_is_driven_here_has_no_bar_and_nothing_is_taken(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        await opened(it.client, tmp_path)
        await it.app.desk.open(S)
        await it.press("alt+t")
        await it.pilot.pause()
        assert not it.app.query_one(OwnerBar).display


async def test_what_goes_on_in_the_folder_with_nobody_at_it_is_picked_up(tmp_path: Path) -> None:
    turns = [call("write", path="f", content="one\n"), say("Done.")]
    async with screen(tmp_path, turns) as it:
        await opened(it.client, tmp_path, "ask")
        await prompt(it.client, "do it")
        await until(it.client, CallJudged)
        await begun(it, new=False)
        assert it.app.desk.conversation
        assert it.app.desk.conversation.stream == S


async def test_a_session_that_is_over_is_not_picked_up(tmp_path: Path) -> None:
    async with screen(tmp_path, [say("Done.")]) as it:
        await opened(it.client, tmp_path)
        await prompt(it.client, "do it")
        await until(it.client, RunFinished)
        await begun(it, new=False)
        assert it.app.desk.conversation is None


@pytest.mark.parametrize("said", ["s1", ""])
async def test_attach_opens_the_session_that_is_named_or_the_newest(
    tmp_path: Path, said: str
) -> None:
    async with screen(tmp_path, [say("Done.")]) as it:
        await opened(it.client, tmp_path)
        await begun(it, attach=said)
        assert it.app.desk.conversation
        assert it.app.desk.conversation.stream == S


async def test_attach_says_that_there_is_no_such_session(tmp_path: Path) -> None:
    async with screen(tmp_path, attach="nobody") as it:
        await it.until(lambda: "there is no session 'nobody'" in it.told)


async def begun(it: Screen, **args: Any) -> None:
    """The app begins as if it had been called so."""
    for name, value in args.items():
        setattr(it.app.args, name, value)
    await it.app._begin()


async def stopped(it: Screen) -> ServerBar:
    """What is said once the server has ended."""
    it.host.stopped = True
    assert isinstance(it.client, Lasting)
    await it.client._client.close()
    bar = it.app.query_one(ServerBar)
    await it.until(lambda: bar.display)
    return bar


async def test_a_server_that_was_stopped_is_started_by_a_key(tmp_path: Path) -> None:
    async with screen(tmp_path, [say("One."), say("Two.")], kind="lasting") as it:
        await it.type("go\n")
        await it.until("One.")
        bar = await stopped(it)
        await it.until("The server has ended: Alt+T starts it")
        await check_looks(it, "server-ended", "ServerBar")
        await it.type("and then\n")
        await it.until(lambda: "nothing was sent" in it.told)
        editor = it.app.query_one(Prompt).editor
        await it.until(lambda: editor.text == "and then")
        await it.press("alt+t")
        await it.until(lambda: not bar.display)
        await it.press("enter")
        await it.until("Two.")
        assert it.app.desk.conversation
        stream = it.app.desk.conversation.stream
        seen = await until(it.engine.seat(), RunFinished, stream, 2)
        prompts = facts(seen, PromptSubmitted)
        assert [prompt.text for prompt in prompts] == ["go", "and then"], "each is said once"


async def test_where_no_server_can_be_started_that_is_said_and_tried_again(tmp_path: Path) -> None:
    async with screen(tmp_path, [say("One.")], kind="lasting") as it:
        await it.until(lambda: it.engine.hub._wide)
        bar = await stopped(it)
        background = it.host.background

        async def refused(folder: str = "") -> Any:
            raise ConnectionRefusedError("the disk is full")

        it.host.background = refused  # type: ignore[method-assign]
        await it.pilot.click(ServerBar)
        await it.until(lambda: "the disk is full" in it.told)
        await it.until("Alt+T starts it")
        it.host.background = background  # type: ignore[method-assign]
        await it.pilot.click(ServerBar)
        await it.until(lambda: not bar.display)
        await it.type("go\n")
        await it.until("One.")


@pytest.mark.parametrize("words", ["and then", "!touch made"])
async def test_what_is_on_its_way_as_one_leaves_is_kept(tmp_path: Path, words: str) -> None:
    async with asyncio.timeout(LIMIT), screen(tmp_path, [say("One.")], kind="lasting") as it:
        await it.type("go\n")
        await it.until("One.")
        assert it.app.desk.conversation
        assert isinstance(it.client, Lasting)
        stream, connected = it.app.desk.conversation.stream, it.client._client

        submit = connected.submit

        async def dies(intent: Intent, once: str = "") -> int:
            if isinstance(intent, ShowPresence):
                return await submit(intent, once)
            it.host.stopped = True
            await connected.close()  # type: ignore[attr-defined]
            raise ConnectionResetError("the server was stopped")

        connected.submit = dies  # type: ignore[method-assign]
        await it.type(f"{words}\n")
        await it.until(lambda: it.app.desk.severed)
        await it.type("later")
        await it.press("ctrl+q")
        assert it.app.return_code == 0
    assert Drafts(str(tmp_path / "state")).read(stream).text == f"{words}\nlater"


async def test_one_leaves_though_the_server_has_ended(tmp_path: Path) -> None:
    async with asyncio.timeout(LIMIT), screen(tmp_path, [say("One.")], kind="lasting") as it:
        await it.type("go\n")
        await it.until("One.")
        conversation = it.app.desk.conversation
        await stopped(it)
        assert conversation
        late = it.client.submit(NameSession(conversation.stream, "late"))
        it.app.desk._asked.add(asyncio.ensure_future(late))  # as if it was on its way
        await it.press("ctrl+q")
        assert it.app.return_code == 0
