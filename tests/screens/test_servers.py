"""The sheet of MCP servers, and their prompts in the editor."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.house import STREAM, opened, prompt, say, until
from tests.screens.kit import SIZES, Screen, screen
from tuiagent import config_file
from tuiagent.config_file import ServerTable
from tuiagent.kernel.prompts import RenewalRequested
from tuiagent.kernel.run import RunFinished
from tuiagent.kernel.standing import MCP, FileTrusted
from tuiagent.kernel.standing import STREAM as EVERYWHERE
from tuiagent.ports import Lender, Waiting


class Servers:
    """The report on servers, as a process would give it."""

    def __init__(self) -> None:
        self.rows = {
            "good": Lender("good", "config", "good-server -x", "known", prompts=("review what",)),
            "gone": Lender("gone", "config", "gone-server", "starting"),
            "here": Lender("here", "/repo/.mcp.json", "./here", "untrusted", "look at it first"),
        }
        self.asked: list[tuple[str, str]] = []
        self.waits = Waiting(("good__x", "good__y"), (), ("good__z",), 45_000, 0.135)

    def _set(self, name: str, **more: Any) -> Lender:
        self.rows[name] = msgspec.structs.replace(self.rows[name], **more)
        return self.rows[name]

    def __call__(self, key: str) -> object:
        """See reports.asked_of_servers."""
        asked = msgspec.json.decode(key)
        what, name = asked.get("what"), asked.get("server", "")
        if what is None:
            return list(self.rows.values())
        self.asked.append((what, name))
        if what == "test" and name == "good":
            lent, log = ("good__x", "good__y"), "\x1b]0;t\x07a word on the side\n"
            changed = () if ("accept", "good") in self.asked else ("good__y",)
            return self._set(name, state="ready", tools=lent, log=log, changed=changed)
        if what == "test":
            return self._set(name, state="waiting", problem="it has ended")
        if what == "accept":
            return self._set(name, changed=())
        if what == "waiting":
            return self.waits
        if what == "prompt":
            return f"Words of {asked['name']} with {asked['arguments']}\x1b[2J"
        return None


async def looked_at(it: Screen, servers: Servers) -> Servers:
    it.engine.reports["mcp"] = servers
    await it.app.run_action("servers")
    await it.until(lambda: "ready" in it.shown and "waiting" in it.shown)
    return servers


@pytest.mark.parametrize("size", ["wide", "small", "tiny"])
async def test_each_server_is_told_of(tmp_path: Path, size: str) -> None:
    async with screen(tmp_path, size=SIZES[size]) as it:
        servers = await looked_at(it, Servers())
        shown = it.shown
        for words in ("good", "ready", "gone", "waiting", "here", "untrusted"):
            assert words in shown
        if size == "wide":
            assert "a word on the side" in shown
            assert "described otherwise than when accepted: good__y" in shown
        assert ("test", "here") not in servers.asked  # nobody trusts it


@pytest.mark.parametrize("size", ["wide", "small", "tiny"])
async def test_how_one_is_named_is_told_whole(tmp_path: Path, size: str) -> None:
    async with screen(tmp_path, size=SIZES[size]) as it:
        await it.app.run_action("servers")
        shown = await it.until("No MCP server is named.")
        assert "tuiagent mcp add NAME -- COMMAND" in shown


async def test_what_is_said_of_nothing_is_wrapped(tmp_path: Path) -> None:
    async with screen(tmp_path, size=(30, 10)) as it:
        await it.app.run_action("grants")
        shown = await it.until("Nothing was granted")
        assert "rule has let anything" in shown


async def test_the_server_at_hand_is_told_of(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        await looked_at(it, Servers())
        await it.press("down")
        await it.until("it has ended")


async def test_what_changed_is_accepted_by_a_person(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        servers = await looked_at(it, Servers())
        await it.press("a")
        await it.until("accepted as it is described now")
        assert ("accept", "good") in servers.asked
        await it.press("down", "a")
        await it.until("nothing is described otherwise")


async def test_a_server_is_switched_off_and_on(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        servers = await looked_at(it, Servers())
        config_file.put_server(str(tmp_path), "good", {"command": "x"})
        known = {"good": ServerTable(command="x")}
        it.host.settings = msgspec.structs.replace(it.host.settings, servers=known)
        await it.press("s")
        await it.until("good is off")
        file = config_file.read(config_file.path(str(tmp_path)))
        assert not file.mcp["good"].enabled
        assert ("reload", "") in servers.asked
        await it.press("down", "down", "s")
        await it.until("only servers of your own config.toml")


async def test_a_person_signs_in_at_an_address_that_is_shown(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        await looked_at(it, Servers())
        await it.press("l")
        await it.until(lambda: it.app.clipboard == "https://sign.in/good")


async def test_a_repositorys_servers_are_trusted_by_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with screen(tmp_path) as it:
        monkeypatch.chdir(it.work)
        await looked_at(it, Servers())
        await it.press("y")
        await it.until("names no server")
        (it.work / ".mcp.json").write_text('{"mcpServers": {"here": {"command": "x"}}}')
        path = str((it.work / ".mcp.json").resolve())
        await it.press("y")
        await it.until("is trusted as it is now")
        (fact,) = [e.fact for e in it.engine.journal.events(EVERYWHERE)]
        assert isinstance(fact, FileTrusted)
        assert (fact.path, fact.use) == (path, MCP)


async def test_new_tools_are_used_at_a_persons_wish_who_sees_what_it_costs(tmp_path: Path) -> None:
    async with screen(tmp_path, [say("one")]) as it:
        servers = it.engine.reports["mcp"] = Servers()
        await opened(it.client, it.work.parent)
        await prompt(it.client)
        await until(it.client, RunFinished)
        await it.app.desk.open(STREAM)
        await looked_at(it, servers)
        shown = await it.until("2 new, 1 described otherwise")
        assert "45,000 tokens without a cache, about $0.14 more" in shown
        await it.press("u")
        await it.until("the next answer has the tools that there are now")
        await until(it.client, RenewalRequested)
        servers.waits = Waiting()
        await it.press("u")
        await it.until("no tools wait")
        await it.press("escape")
        await it.type("/tools\n")
        await it.until("no tools wait")


async def test_a_servers_prompt_stands_in_the_editor_to_be_read_first(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        it.engine.reports["mcp"] = Servers()
        await it.type("/good:review x.py y\n")
        await it.until("Words of review with {'what': 'x.py y'}")
        assert it.app.desk.conversation is None  # nothing was said
        await it.press("ctrl+a", "ctrl+k")
        await it.type("/good:none\n")
        await it.until("has no prompt")
        await it.press("ctrl+a", "ctrl+k")
        await it.type("/tools\n")
        await it.until("there is no session yet")
