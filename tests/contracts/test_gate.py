"""Who asks: keys become actors here, and stop to, whatever process says so."""

import asyncio
import secrets
import threading
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

import tuiagent
from tests.house import STREAM as SESSION
from tests.house import Fakes, build, engine, opened
from tuiagent import folder
from tuiagent.clients.web.gate import (
    LOOK,
    KeyGate,
    OpenGate,
    Principal,
    identified,
    token_of,
    watching,
)
from tuiagent.kernel import keys
from tuiagent.kernel.directory import (
    ADMIN,
    OWNER,
    SCOPES,
    STREAM,
    AddActor,
    IssueKey,
    RemoveActor,
    RevokeKey,
)
from tuiagent.kernel.errors import Refused, StoreError
from tuiagent.kernel.session import SubmitPrompt
from tuiagent.ports import Client
from tuiagent.stores.sqlite import SqliteStore

NOTICED = 20.0
"""Seconds within which a key that is over has to be noticed."""


async def issue(client: Client, key: str = "k1", *scopes: str, until: float = 0.0) -> str:
    """A key for Ada, who is a person; the key itself."""
    text = keys.make("person", secrets.token_bytes(keys.CHANCE))
    await client.submit(
        IssueKey(STREAM, key, "ada", keys.mark(text), scopes, "person", until=until)
    )
    return text


class Clock:
    """A time that tests set."""

    def __init__(self) -> None:
        self.time = time.time()
        self.looked = asyncio.Event()

    def __call__(self) -> float:
        self.looked.set()
        return self.time


@pytest.fixture
async def client(tmp_path: Path) -> AsyncGenerator[Client]:
    async with engine(Fakes(tmp_path, [])) as made:
        yield made.seat()


async def test_a_key_opens_as_its_actor_with_its_scopes(client: Client) -> None:
    before = await issue(client, "k1", "files:read")
    async with watching(client) as gate:
        assert await gate.identify(before) == Principal("ada", "k1", frozenset({"files:read"}))
        until = time.time() + 60
        after = await issue(client, "k2", ADMIN, until=until)
        await gate.reach(await client.submit(AddActor(STREAM, "bob", "person")))
        found = await gate.identify(after)
        assert found == Principal("ada", "k2", frozenset({ADMIN}), until)
        assert found.may("sessions:write")
        none = await issue(client, "k3")
        await gate.reach(await client.submit(AddActor(STREAM, "carl", "person")))
        lean = await gate.identify(none)
        assert lean is not None
        assert not any(lean.may(scope) for scope in SCOPES)


async def wrong(client: Client, clock: Clock) -> dict[str, str]:
    """One of each sort of key that opens nothing."""
    live = await issue(client, "live", ADMIN)
    revoked = await issue(client, "revoked", ADMIN)
    expired = await issue(client, "expired", ADMIN, until=clock.time + 5)
    await client.submit(RevokeKey(STREAM, "revoked"))
    return {
        "missing": "",
        "malformed": "tua_person_x",
        "prefix": "sk_" + live[4:],
        "kind": live.replace("person", "owner"),
        "checksum": live[:-1] + ("0" if live[-1] != "0" else "1"),
        "unknown": keys.make("person", bytes(keys.CHANCE)),
        "revoked": revoked,
        "expired": expired,
        "long": live + "0" * 100_000,
        "cut": live[:-1],
        "around": f" {live}",
        "strange": "\udcff\x00ü" * 9,
        "its id": "live",
        "its hash": keys.mark(live),
    }


async def test_whatever_is_wrong_with_a_key_it_opens_nothing(client: Client) -> None:
    clock = Clock()
    cases = await wrong(client, clock)
    async with watching(client, clock) as gate:
        assert await gate.identify(cases["expired"]), "it has not expired yet"
        clock.time += 5
        assert {name: await gate.identify(key) for name, key in cases.items()} == dict.fromkeys(
            cases
        )


async def test_whatever_is_wrong_with_a_key_it_takes_the_same_time(client: Client) -> None:
    clock = Clock()
    cases = await wrong(client, clock)
    clock.time += 5
    best = dict.fromkeys(cases, 1e9)
    async with watching(client, clock) as gate:
        for _ in range(30):
            for name, key in cases.items():
                began = time.thread_time()
                for _ in range(50):
                    await gate.identify(key)
                best[name] = min(best[name], time.thread_time() - began)
    assert max(best.values()) < 2.5 * min(best.values()), best


async def test_a_key_revoked_by_another_process_ends_what_it_opened(tmp_path: Path) -> None:
    async with (
        tuiagent.open_engine(str(tmp_path / "root")) as here,
        tuiagent.open_engine(str(tmp_path / "root")) as there,
        watching(here) as gate,
    ):
        text = await issue(there, "k1", "files:read")
        rest = await issue(there, "k2", "files:read")
        async with asyncio.timeout(NOTICED):
            while (principal := await gate.identify(rest)) is None:
                await gate.reach(gate._position + 1)
        other = asyncio.create_task(gate.ended(principal))
        principal = await gate.identify(text)
        assert principal is not None
        ending = asyncio.create_task(gate.ended(principal))
        await there.submit(RevokeKey(STREAM, "k1"))
        assert await asyncio.wait_for(ending, NOTICED) == "the key was revoked"
        assert await gate.identify(text) is None
        assert not other.done()
        await there.submit(RemoveActor(STREAM, "ada"))
        assert await asyncio.wait_for(other, NOTICED) == "the key was revoked"
        assert await gate.identify(rest) is None


async def test_a_key_revoked_just_before_the_folder_is_watched_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        tuiagent.open_engine(str(tmp_path / "root")) as here,
        tuiagent.open_engine(str(tmp_path / "root")) as there,
    ):
        text = await issue(there, "k1")
        real = folder._inotify

        async def late(*args: Any, **more: Any) -> AsyncGenerator[Any]:
            revoke = RevokeKey(STREAM, "k1")
            other = threading.Thread(target=lambda: asyncio.run(there.submit(revoke)))  # type: ignore[arg-type]
            other.start()
            other.join()
            async for change in real(*args, **more):
                yield change

        monkeypatch.setattr(folder, "_inotify", late)
        async with watching(here) as gate:
            found = Principal("ada", "k1", frozenset())
            assert await asyncio.wait_for(gate.ended(found), NOTICED) == "the key was revoked"
            assert await gate.identify(text) is None


async def test_a_key_that_expires_ends_what_it_opened_also_when_the_clock_is_set(
    client: Client,
) -> None:
    clock = Clock()
    text = await issue(client, "k1", until=clock.time + 3600)
    async with watching(client, clock) as gate:
        principal = await gate.identify(text)
        assert principal is not None
        clock.looked.clear()
        ending = asyncio.create_task(gate.ended(principal))
        await clock.looked.wait()
        clock.looked.clear()
        await client.submit(AddActor(STREAM, "bob", "person"))
        await clock.looked.wait()
        assert not ending.done()
        clock.time += 3600
        assert await asyncio.wait_for(ending, LOOK + 1.0) == "the key has expired"


async def test_a_directory_that_cannot_be_followed_opens_nothing(tmp_path: Path) -> None:
    async with engine(Fakes(tmp_path, [])) as made:
        client = made.seat()
        text = await issue(client)
        gate = KeyGate(client)
        following = asyncio.create_task(gate.follow())
        await gate.ready.wait()
        principal = await gate.identify(text)
        assert principal is not None
        ending = asyncio.create_task(gate.ended(principal))
        following.cancel()
        assert "cannot be read" in await asyncio.wait_for(ending, NOTICED)
        with pytest.raises(StoreError, match="start the server again"):
            await gate.identify(text)
        await asyncio.wait_for(gate.reach(1 << 40), NOTICED)


async def test_without_keys_everybody_is_the_owner() -> None:
    gate = OpenGate()
    principal = await gate.identify("")
    assert principal is not None
    assert principal == await gate.identify("tua_person_x")
    assert (principal.actor, principal.key) == (OWNER, "")
    assert all(principal.may(scope) for scope in SCOPES)
    ending = asyncio.create_task(gate.ended(principal))
    done, _ = await asyncio.wait([ending], timeout=0)
    assert not done
    ending.cancel()


# ---------------------------------------------------------------- seats


async def test_an_actor_removed_by_another_process_may_nothing_at_once(tmp_path: Path) -> None:
    means, path = Fakes(tmp_path, []), str(tmp_path / "state" / "journal.db")
    here = await build(means, SqliteStore(path), "o1")
    there = await build(means, SqliteStore(path), "o2")
    try:
        await opened(here.seat(), tmp_path)
        ada = here.seat("ada")
        with pytest.raises(Refused, match="there is no actor ada"):
            await ada.submit(SubmitPrompt(SESSION, "p1", "go"))
        await there.seat().submit(AddActor(STREAM, "ada", "person"))
        assert (await ada.read("sessions")).total == 1
        await anext(ada.watch(SESSION))
        await there.seat().submit(RemoveActor(STREAM, "ada"))
        with pytest.raises(Refused, match="or it was removed"):
            await ada.submit(SubmitPrompt(SESSION, "p1", "go"))
        with pytest.raises(Refused, match="or it was removed"):
            await ada.read("sessions")
        with pytest.raises(Refused, match="or it was removed"):
            await anext(ada.watch(SESSION))
    finally:
        await here.close()
        await there.close()


# ---------------------------------------------------------------- where a key is brought along

BEARER = (b"authorization", b"Bearer one")
OWN = (b"x-session-api-key", b"two")
BISCUIT = (b"cookie", b"a=b; tuiagent=three; c=d")
TOKENS: list[tuple[dict[str, Any], str]] = [
    ({"headers": [BEARER, OWN, BISCUIT]}, "one"),
    ({"headers": [(b"authorization", b"bearer   one ")]}, "one"),
    ({"headers": [(b"authorization", b"Basic b25l"), OWN]}, "two"),
    ({"headers": [OWN, BISCUIT]}, "two"),
    ({"headers": [BISCUIT], "query_string": b"token=five"}, "three"),
    ({"headers": [(b"cookie", b"xtuiagent=1; tuiagentx=2")]}, ""),
    ({"headers": [], "subprotocols": ["tuiagent.v1", "tuiagent.bearer.four"]}, "four"),
    ({"headers": [], "subprotocols": ["tuiagent.v1"], "query_string": b"token=five"}, "five"),
    ({"headers": [], "query_string": b"a=1&token=f%69ve&token=six"}, "five"),
    ({"headers": [], "query_string": b"xtoken=five"}, ""),
    ({"headers": [BEARER], "query_string": b"token=five"}, "one"),
    ({"headers": [(b"authorization", b"Bearer"), BISCUIT]}, ""),
    ({"headers": [(b"authorization", b"Bearer \xff")]}, "ÿ"),
    ({"headers": []}, ""),
]


@pytest.mark.parametrize(("scope", "token"), TOKENS)
def test_a_key_is_found_wherever_it_is_brought_along(scope: dict[str, Any], token: str) -> None:
    assert token_of(scope) == token


async def test_who_asks_is_found_out_once(client: Client) -> None:
    text = await issue(client)
    async with watching(client) as gate:
        scope: dict[str, Any] = {"headers": [(b"authorization", f"Bearer {text}".encode())]}
        first = await identified(gate, scope)
        assert first is not None
        scope["headers"] = []
        assert await identified(gate, scope) is first
        assert await identified(gate, {"headers": []}) is None
