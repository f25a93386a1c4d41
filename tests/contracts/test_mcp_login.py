"""Signing in to a server: where the token is kept, and rights that turn out not to be enough."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import keyring
import pytest
from keyring.backends import fail

from tests.lending import Lending, fake, lending
from tests.life import until
from tests.signing_server import Signing, signing
from tuiagent import config_file
from tuiagent.clients.host import unlocked
from tuiagent.config import Settings
from tuiagent.config_file import ServerTable
from tuiagent.connectors.oauth import sign_in
from tuiagent.connectors.servers import Server
from tuiagent.kernel.errors import StoreError, ToolError
from tuiagent.kernel.session import SessionOpened
from tuiagent.kernel.standing import Standing
from tuiagent.means import LocalMeans
from tuiagent.ports import SEALED, Loan
from tuiagent.vaults.kept import FILE, PASSPHRASE, ROOM, Kept, Tokens
from tuiagent.vaults.sealed import Sealed


@pytest.fixture
def server() -> Iterator[Signing]:
    with signing() as made:
        yield made


async def signed(server: Signing, tokens: Any) -> str:
    """Signs in, by a person who says yes to everything."""
    visits: list[asyncio.Task[Any]] = []

    async def visit(address: str) -> None:
        async with httpx2.AsyncClient() as browser:
            await browser.get(server.came(address))

    def show(address: str) -> None:
        visits.append(asyncio.ensure_future(visit(address)))

    async def never() -> str:
        await asyncio.Event().wait()
        return ""

    found = Server("it", "config", ServerTable(url=f"{server.url}/mcp"))
    typed = asyncio.ensure_future(never())
    try:
        return await sign_in(found, tokens, show, typed)
    finally:
        typed.cancel()
        await asyncio.gather(*visits, typed, return_exceptions=True)


def reaching(server: Signing) -> ServerTable:
    return ServerTable(url=f"{server.url}/mcp", timeout=20)


async def test_more_rights_are_asked_for_beside_those_that_were_given(
    tmp_path: Path, server: Signing
) -> None:
    async with lending(tmp_path, it=reaching(server)) as made:
        found = await made.ready("it")
        assert (found.state, found.problem) == ("login", "log in: tuiagent mcp login it")
        assert await signed(server, made.tokens) == "keyring"
        assert (await made.ready("it")).state == "ready"
        assert (await made.call("it__look")).text == "done"
        for _ in range(2):
            with pytest.raises(ToolError, match="more rights, for this: log in"):
                await made.call("it__change")
        assert (await made.call("it__look")).text == "done", "what was given still counts"
        await signed(server, made.tokens)
        assert [sorted(one.split()) for one in server.asked] == [["read"], ["read", "write"]]
        assert (await made.call("it__change")).text == "done", "without being reached anew"
        await signed(server, made.tokens)
        assert len(server.asked) == 2, "nothing is wanted any more"


async def test_a_token_that_counts_no_more_has_a_person_sign_in(
    tmp_path: Path, server: Signing
) -> None:
    async with lending(tmp_path, it=reaching(server)) as made:
        await signed(server, made.tokens)
        assert (await made.ready("it")).state == "ready"
        server.tokens.clear()
        with pytest.raises(ToolError, match="log in: tuiagent mcp login it"):
            await made.call("it__look")
        await signed(server, made.tokens)
        assert (await made.call("it__look")).text == "done"


# ---------------------------------------------------------------- without a keyring


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "get_keyring", fail.Keyring)
    monkeypatch.delenv(PASSPHRASE, raising=False)


@pytest.mark.usefixtures("bare")
async def test_nobody_is_sent_to_a_browser_for_nothing(tmp_path: Path, server: Signing) -> None:
    with pytest.raises(StoreError, match=r"no keyring .*TUIAGENT_PASSPHRASE"):
        await signed(server, Tokens(str(tmp_path)))
    assert server.requests == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("bare")
async def test_a_passphrase_keeps_what_a_server_gave(
    tmp_path: Path, server: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSPHRASE, "sesame")
    tokens = Tokens(str(tmp_path / "home"))
    assert await signed(server, tokens) == FILE
    (token,) = server.tokens
    (file,) = (tmp_path / "home").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert token not in file.read_text()
    tokens.put("other", "x" * 50_000)  # there is room: a server may give much

    async def state(made: Lending) -> tuple[str, str]:
        made.tokens = Tokens(str(tmp_path / "home"))
        made.mcp = made.made()
        found = await made.ready("it")
        return found.state, found.problem

    async with lending(tmp_path, it=reaching(server)) as made:
        assert (await state(made))[0] == "ready"
        assert (await made.call("it__look")).text == "done"
    monkeypatch.delenv(PASSPHRASE)
    async with lending(tmp_path, it=reaching(server)) as made:
        waiting, why = await state(made)
        assert waiting == "waiting"
        assert "tuiagent keys unlock opens that" in why
        assert "say its passphrase in TUIAGENT_PASSPHRASE" in why
    monkeypatch.setenv(PASSPHRASE, "another")
    with pytest.raises(StoreError, match="another passphrase"):
        await signed(server, Tokens(str(tmp_path / "home")))
    assert len(server.asked) == 1


@pytest.mark.usefixtures("bare")
async def test_whoever_says_no_is_told_that_nobody_was_signed_in(
    tmp_path: Path, server: Signing
) -> None:
    from tuiagent.kernel.errors import ConfigError
    from tuiagent.lending import login

    home = str(tmp_path)
    config_file.put_server(home, "it", {"url": f"{server.url}/mcp"})
    settings = Settings(home, home, "ask", servers={"it": reaching(server)})

    async def typed() -> str:
        return "http://127.0.0.1/callback?error=denied"

    with pytest.raises(ConfigError, match="nobody was signed in"):
        await login(settings, {}, "it", home, lambda address: None, typed(), lambda: "sesame")


@pytest.mark.usefixtures("bare")
async def test_one_unlock_opens_everything_that_is_sealed(
    tmp_path: Path, server: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuiagent.connectors.link.FRESH", 0.0)
    monkeypatch.setattr("tuiagent.connectors.link.FIRST", 300.0)  # by itself it comes too late
    home = str(tmp_path)
    monkeypatch.setenv(PASSPHRASE, "sesame")
    await signed(server, Tokens(home))
    Kept(home).put("openai", "sk-sealed", "sesame")
    monkeypatch.delenv(PASSPHRASE)
    keyed = fake(env={"KEY": "${key:openai}"})
    servers = {"it": reaching(server), "keyed": keyed}
    means = LocalMeans(Settings(home, home, "ask", servers=servers), {}, Standing(), ())
    opened = SessionOpened(home, "openai/x", "ask", credentials={"openai": "kept:openai"})

    async def come(state: str) -> list[str]:
        """What keeps them from this state, once they have come to it."""
        lenders = means.lending.connector.lenders
        await asyncio.to_thread(until, lambda: {o.state for o in lenders(home)} == {state}, state)
        return [one.problem for one in lenders(home)]

    async with means.lending.open():
        assert all("tuiagent keys unlock opens that" in why for why in await come("waiting"))
        assert "tuiagent keys unlock" in means.needs("openai/x", opened)
        with pytest.raises(StoreError, match="another passphrase"):
            Kept(home).unlock("other")
        loans = Kept(home).unlock("sesame")
        assert unlocked(loans) == "openai and what MCP servers gave"
        for loan in loans:
            assert means.credentials.lend(loan)
        assert await come("ready") == ["", ""]
        assert means.needs("openai/x", opened) == ""
        assert {"sk-sealed", "sesame"} <= means.keys()
        assert not means.credentials.lend(Loan("", SEALED, "sesame")), "that is no news"
        assert not means.credentials.lend(Loan(home, SEALED, "old")), "one was unlocked with"
        assert means.credentials.loans(opened) == [Loan(home, SEALED, "sesame")]
    means.lending.connector.join()


def test_two_files_may_have_two_passphrases(tmp_path: Path) -> None:
    kept, tokens = Kept(str(tmp_path)), Tokens(str(tmp_path), lambda: "two")
    kept.put("openai", "sk-sealed", "one")
    Sealed(str(tmp_path / "tokens.sealed"), ROOM).put("two", "mcp:it", "given")
    assert kept.unlock("one") == [Loan("", "kept:openai", "sk-sealed")]
    assert kept.unlock("two") == [Loan("", SEALED, "two")]
    assert tokens.get("mcp:it") == "given"
