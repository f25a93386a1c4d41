"""The owner's key: in one private file, known to the directory, replaced when it was lost."""

import os
from collections.abc import AsyncGenerator, Callable
from itertools import count
from pathlib import Path

import pytest

from tests.house import Fakes, engine
from tuiagent.clients.web.gate import KeyGate, Principal, watching
from tuiagent.kernel import keys
from tuiagent.kernel.directory import ADMIN, OWNER, STREAM, RevokeKey
from tuiagent.kernel.errors import StoreError
from tuiagent.ports import Client
from tuiagent.vaults.owner import owner_key, printed
from tuiagent.vaults.signer import Signer


@pytest.fixture
async def client(tmp_path: Path) -> AsyncGenerator[Client]:
    async with engine(Fakes(tmp_path, [])) as made:
        yield made.seat()


@pytest.fixture
def new_id() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"k{next(numbers)}"


async def whose(client: Client, text: str) -> Principal | None:
    gate: KeyGate
    async with watching(client) as gate:
        return await gate.identify(text)


async def test_it_is_made_once_and_opens_everything(
    client: Client, tmp_path: Path, new_id: Callable[[], str]
) -> None:
    path = tmp_path / "root" / "owner.key"
    with pytest.raises(StoreError, match="cannot be read"):
        printed(str(path))
    made = await owner_key(client, str(path), new_id)
    assert made.new
    assert keys.parse(made.text) == OWNER
    assert path.stat().st_mode & 0o777 == 0o600
    again = await owner_key(client, str(path), new_id)
    assert (again.text, again.new) == (made.text, False)
    assert printed(str(path)) == made.text
    assert await whose(client, made.text) == Principal(OWNER, "k1", frozenset({ADMIN}))
    assert [found.name for found in path.parent.iterdir()] == ["owner.key"]


async def test_a_lost_file_makes_a_new_key_and_the_old_one_opens_nothing(
    client: Client, tmp_path: Path, new_id: Callable[[], str]
) -> None:
    path = tmp_path / "owner.key"
    old = await owner_key(client, str(path), new_id)
    path.unlink()
    new = await owner_key(client, str(path), new_id)
    assert new.new
    assert new.text != old.text
    assert await whose(client, old.text) is None
    assert await whose(client, new.text)


async def test_a_revoked_key_is_replaced_at_the_next_start(
    client: Client, tmp_path: Path, new_id: Callable[[], str]
) -> None:
    path = str(tmp_path / "owner.key")
    old = await owner_key(client, path, new_id)
    await client.submit(RevokeKey(STREAM, "k1"))
    assert await whose(client, old.text) is None
    new = await owner_key(client, path, new_id)
    assert new.new
    assert printed(path) == new.text != old.text
    assert await whose(client, new.text)


async def test_a_journal_that_does_not_know_the_key_is_told(
    tmp_path: Path, new_id: Callable[[], str]
) -> None:
    path = str(tmp_path / "owner.key")
    texts: list[str] = []
    for _ in range(2):
        async with engine(Fakes(tmp_path, [])) as made:
            found = await owner_key(made.seat(), path, new_id)
            texts.append(found.text)
            assert await whose(made.seat(), found.text)
    assert texts[0] == texts[1]


def _mode(path: Path) -> None:
    path.chmod(0o644)


def _group(path: Path) -> None:
    path.chmod(0o620)


def _link(path: Path) -> None:
    path.rename(path.with_name("other"))
    path.symlink_to("other")


def _astray(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _typo(path: Path) -> None:
    text = path.read_text()
    path.write_text(text[:20] + ("a" if text[20] != "a" else "b") + text[21:])


def _other(path: Path) -> None:
    path.write_text(keys.make("person", bytes(keys.CHANCE)))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_mode, "chmod 600"),
        (_group, "chmod 600"),
        (_link, "is a link: put the file itself there"),
        (_astray, "is a link: put the file itself there"),
        (_pipe, "is no file"),
        (_empty, "does not hold the owner's key: remove it"),
        (_typo, "does not hold the owner's key: remove it"),
        (_other, "does not hold the owner's key: remove it"),
    ],
)
async def test_a_file_that_is_not_private_is_refused_with_words(
    client: Client,
    tmp_path: Path,
    new_id: Callable[[], str],
    spoil: Callable[[Path], None],
    words: str,
) -> None:
    path = tmp_path / "owner.key"
    made = await owner_key(client, str(path), new_id)
    spoil(path)
    for attempt in range(2):
        with pytest.raises(StoreError, match=words) as caught:
            await owner_key(client, str(path), new_id) if attempt else printed(str(path))
        assert made.text not in str(caught.value)


async def test_a_file_of_another_user_is_refused(
    client: Client,
    tmp_path: Path,
    new_id: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = str(tmp_path / "owner.key")
    await owner_key(client, path, new_id)
    monkeypatch.setattr(os, "getuid", lambda: os.stat(path).st_uid + 1)
    with pytest.raises(StoreError, match="belongs to another user"):
        await owner_key(client, path, new_id)


def test_the_seals_key_is_kept_alike(tmp_path: Path) -> None:
    path = tmp_path / "home" / "seal.key"
    made = Signer(str(path))
    assert Signer(str(path)).public == made.public
    _mode(path)
    with pytest.raises(StoreError, match="chmod 600"):
        Signer(str(path))
    path.chmod(0o600)
    path.write_bytes(b"x")
    with pytest.raises(StoreError, match="does not hold a key"):
        Signer(str(path))
