"""Keys stand in no fact: what tools bring is masked, and what gives one away is asked about."""

import asyncio
import base64
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.house import STREAM, Fakes, call, engine, facts, opened, prompt, say, until
from tests.pictures import png
from tuiagent.engine.secrecy import Secrecy
from tuiagent.kernel.call import AnswerApproval, CallAmended, CallFinished, CallJudged
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.jobs import JobEnded
from tuiagent.kernel.marks import Marks, mark
from tuiagent.kernel.run import Progress, RunFinished
from tuiagent.stores.memory import MemoryStore

KEY = "canary/4711+with=odd-signs"
SHAPES = {
    "plain": KEY,
    "within": f"x{KEY}x",
    "url": quote(KEY, safe=""),
    "hex": KEY.encode().hex(),
    "HEX": KEY.encode().hex().upper(),
    "base64": base64.b64encode(KEY.encode()).decode(),
    "basic": base64.b64encode(f"user:{KEY}".encode()).decode(),
    "moved": base64.b64encode(f"a{KEY}b".encode()).decode(),
    "urlsafe": base64.urlsafe_b64encode(f"ab{KEY}".encode()).decode(),
}


def written(store: MemoryStore, means: Fakes) -> bytes:
    """All bytes of all facts and blobs, and what models were sent."""
    bodies = [record.body or b"" for record in store.read(STREAM)]
    return b"\n".join([*bodies, *store._contents.blobs.values(), repr(means.prompts).encode()])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("lines", [1, 4000])
async def test_a_known_key_stands_in_nothing_that_is_kept(
    tmp_path: Path, shape: str, lines: int
) -> None:
    word = SHAPES[shape]
    inner = word[4:-8] if shape in ("basic", "moved", "urlsafe") else word
    (tmp_path / "work").mkdir()
    (tmp_path / "work/out").write_text(f"before {word} after\n" * lines)
    store, means = MemoryStore(), Fakes(tmp_path, [call("shell", command="cat out"), say("done")])
    means.secrets = {KEY}
    shown: list[str] = []
    async with engine(means, store) as made:
        client = made.seat()
        await opened(client, tmp_path)

        async def look() -> None:
            async for seen in client.watch(STREAM):
                shown.extend([seen.text] if isinstance(seen, Progress) else [])

        looking = asyncio.create_task(look())
        await prompt(client)
        seen = await until(client, RunFinished)
        looking.cancel()
        (ended,) = facts(seen, CallFinished)
        assert "<key>" in ended.observation.text
        assert inner.encode() not in written(store, means)
        assert inner not in "".join(shown)


async def test_a_key_that_nobody_has_unlocked_here_stands_in_nothing_that_is_kept(
    tmp_path: Path,
) -> None:
    key = "7Qx0vJ4mZr2LwT9kNc5bYh8s"
    (tmp_path / "work").mkdir()
    (tmp_path / "work/out").write_text(f"MISTRAL={key}\n")
    turns = [call("shell", command="cat out"), call("read", path="out"), say("done")]
    store, means = MemoryStore(), Fakes(tmp_path, turns)
    found = mark(key, b"salt")
    assert found is not None
    means.marked = Marks(b"salt", frozenset({found}))
    async with engine(means, store) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        seen = await until(client, RunFinished)
        for ended in facts(seen, CallFinished):
            assert "MISTRAL=<key>" in ended.observation.text
        assert key.encode() not in written(store, means)


async def test_the_end_of_a_job_is_masked_too(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work/out").write_text(KEY)
    held = "until [ -e go ]; do sleep 0.02; done; cat out"
    turns = [call("shell", command=held, wait=0.1), say("done"), say("seen")]
    store, means = MemoryStore(), Fakes(tmp_path, turns)
    means.secrets = {KEY}
    async with engine(means, store) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        await until(client, CallFinished)
        (tmp_path / "work/go").touch()
        (ended,) = facts(await until(client, JobEnded), JobEnded)
        assert "<key>" in ended.observation.text
        assert KEY.encode() not in written(store, means)


async def test_a_key_in_the_arguments_is_asked_about_whatever_lets_it_through(
    tmp_path: Path,
) -> None:
    turns = [call("shell", command=f"echo {KEY}"), say("done")]
    means = Fakes(tmp_path, turns)
    means.secrets = {KEY}
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path, mode="ask")
        await prompt(client)
        (judged,) = facts(await until(client, CallJudged), CallJudged)
        assert (judged.verdict.decision, judged.verdict.gate) == ("ask", "secrets")
        assert KEY not in judged.verdict.reason
        assert not judged.verdict.offer, "a yes to keys is given once"
        await client.submit(AnswerApproval(STREAM, judged.call, judged.digest, True))
        (ended,) = facts(await until(client, CallFinished), CallFinished)
        assert ended.observation.status == "ok"
        assert KEY not in ended.observation.text
        await opened(client, tmp_path, mode="auto", stream="session/other")
        await prompt(client, stream="session/other")
        seen = await until(client, CallFinished, select="session/other")
        assert facts(seen, CallFinished)[0].observation.status == "denied"


EDITS = [
    ({"command": "echo <key> there"}, f"echo {KEY} there"),
    ({"command": "echo <key> <key>"}, f"echo {KEY} {KEY}"),
    ({"command": "echo none"}, "echo none"),
    ({"command": f"echo {KEY}"}, ""),
    ({"command": "echo <key>"}, ""),
]


@pytest.mark.parametrize(("args", "ran"), EDITS, ids=["beside", "twice", "gone", "written", "same"])
async def test_a_masked_key_in_changed_arguments_is_the_key_again(
    tmp_path: Path, args: dict[str, Any], ran: str
) -> None:
    means = Fakes(tmp_path, [call("shell", command=f"echo {KEY}", wait=5), say("done")])
    means.secrets = {KEY}
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path, mode="ask")
        await prompt(client)
        (judged,) = facts(await until(client, CallJudged), CallJudged)
        args = {"wait": 5, **args}
        await client.submit(AnswerApproval(STREAM, judged.call, judged.digest, True, args=args))
        await until(client, RunFinished)
        history = made.journal.events(STREAM)
        assert [one.args["command"] for one in facts(history, CallAmended)] == [ran] * bool(ran)


async def test_a_mark_that_may_stand_for_several_keys_is_refused(tmp_path: Path) -> None:
    other = "another-key-4712"
    real = {"command": f"echo {KEY} {other} <key>", "hosts": [other]}
    means = Fakes(tmp_path, [call("shell", **real), say("done")])
    means.secrets = {KEY, other}
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path, mode="ask")
        await prompt(client)
        (judged,) = facts(await until(client, CallJudged), CallJudged)

        async def change(**args: Any) -> dict[str, Any]:
            answer = AnswerApproval(STREAM, judged.call, judged.digest, True, args=args)
            await client.submit(answer)
            history = made.journal.events(STREAM)
            return facts(history, CallAmended)[-1].args

        for args in (
            {"command": "echo <key> <key>"},
            {"command": "true", "hosts": ["a", "<key>"]},
            {"command": "true", "folders": ["<key>"]},
        ):
            with pytest.raises(Refused, match="not shown"):
                await change(**args)
        kept = await change(command="ls <key> <key> <key>", hosts=["<key>"])
        assert kept == {"command": f"ls {KEY} {other} <key>", "hosts": [other]}


async def test_what_only_looks_like_a_mark_is_what_it_is(tmp_path: Path) -> None:
    means = Fakes(tmp_path, [call("shell", command="touch x"), say("done")])
    means.secrets = {KEY}
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path, mode="ask")
        await prompt(client)
        (judged,) = facts(await until(client, CallJudged), CallJudged)
        args = {"command": "echo '<key>'"}
        await client.submit(AnswerApproval(STREAM, judged.call, judged.digest, True, args=args))
        history = made.journal.events(STREAM)
        assert facts(history, CallAmended)[-1].args == args


async def test_values_of_a_file_of_keys_are_masked_when_a_person_lets_it_be_read(
    tmp_path: Path,
) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work/.env").write_text("DB_PASSWORD=hunter2-and-more\nPORT=8080\n")
    turns = [call("read", path=".env"), call("shell", command="cat .env"), say("done")]
    store, means = MemoryStore(), Fakes(tmp_path, turns)
    async with engine(means, store) as made:
        client = made.seat()
        await opened(client, tmp_path, mode="ask")
        await prompt(client)
        for count in (1, 2):
            judged = facts(await until(client, CallJudged, count=count), CallJudged)[-1]
            assert judged.verdict.decision == "ask"
            await client.submit(AnswerApproval(STREAM, judged.call, judged.digest, True))
            ended = facts(await until(client, CallFinished, count=count), CallFinished)[-1]
            assert "PORT=8080" in ended.observation.text
        await until(client, RunFinished)
        assert b"hunter2" not in written(store, means)


@pytest.mark.parametrize(
    "text",
    [
        'password = "hunter2"',
        'token: str = "abcdefghijklmnop1234"',
        "API_KEY=os.environ['API_KEY']",
        "sha256:4711aabbccddeeff00112233445566778899aabbccddeeff0011223344556677",
    ],
)
def test_code_is_shown_as_it_is(text: str) -> None:
    assert Secrecy([KEY]).text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "ghp_" + "a1B2" * 9,
        "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----",
        "AKIA" + "ABCD1234" * 2,
    ],
)
def test_what_has_the_shape_of_a_key_is_masked(text: str) -> None:
    assert text not in Secrecy([]).text(f"x = {text}\n")


def test_a_key_in_two_parts_is_held_back_until_it_is_whole() -> None:
    secrecy = Secrecy([KEY])
    for cut in range(4, len(KEY)):
        assert secrecy.begun(f"said {KEY[:cut]}") == cut
    assert secrecy.begun(f"{KEY} and") == 0


def test_what_is_too_short_for_a_key_masks_nothing() -> None:
    assert Secrecy(["a", ""]).text("a banana") == "a banana"


def test_bytes_that_are_no_text_stay_as_they_are() -> None:
    body: Any = bytes(range(256)) * 8
    assert Secrecy([KEY]).body(body, True) == body


async def test_an_image_with_a_key_in_it_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work/told.png").write_bytes(png(noise=KEY.encode()))
    reads = call("read", path="told.png")
    store, means = MemoryStore(), Fakes(tmp_path, [reads, say("done")])
    means.secrets = {KEY}
    async with engine(means, store) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        seen = await until(client, RunFinished)
        body = written(store, means)
    assert KEY.encode() not in body
    [found] = (fact.observation for fact in facts(seen, CallFinished))
    assert found.media == ()
    assert "was left out" in found.text
