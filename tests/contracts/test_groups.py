"""Groups F, I, J and L, row by row: whoever obeys, hostile servers, odd files, cancelled runs."""

import asyncio
import base64
import io
import json
import pickle
import re
import subprocess
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from tests.flows.test_secrecy import KEY, written
from tests.house import LIMIT, STREAM, Fakes, call, engine, facts, opened, prompt, say, until
from tests.lending import lending, plain
from tests.lending import tool as listed
from tests.pictures import png
from tuiagent.connectors import asking
from tuiagent.connectors.definition import taken
from tuiagent.kernel import call as calls
from tuiagent.kernel import run as runs
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import Event
from tuiagent.kernel.grants import ConfigureRules
from tuiagent.kernel.message import Prompt, Question, Text
from tuiagent.kernel.policy import MODES, judge
from tuiagent.kernel.prompts import PromptSubmitted
from tuiagent.kernel.rules import parse_rule
from tuiagent.ports import Client
from tuiagent.providers.scripted import ScriptedCall, Turn
from tuiagent.stores.memory import MemoryStore
from tuiagent.views.prompt import PromptView, check

HERE = Path(__file__).parent
TABLES = {name: tomllib.loads((HERE / f"group_{name}.toml").read_text()) for name in "fijl"}


def rows(kind: str) -> list[Any]:
    """The rows of one kind, of all groups."""
    found = [row for table in TABLES.values() for row in table.get(kind, ())]
    return [pytest.param(row, id=row["id"]) for row in found]


# ---------------------------------------------------------------- an obedient model


class Listener:
    """Counts whoever connects."""

    def __init__(self) -> None:
        self.reached = 0
        self.port = 0

    async def __aenter__(self) -> "Listener":
        self._server = await asyncio.start_server(self._heard, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _heard(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reached += 1
        writer.close()


def _zip(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, body in members:
            made.writestr(name, body)
    return file.getvalue()


class Evil:
    """Runs something when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("CANARY"),))


WIDE = png()[:16] + (100_000).to_bytes(4, "big") * 2 + png()[24:]
MADE: dict[str, Callable[[], bytes]] = {
    "slip": lambda: _zip(("../canary", b"x"), ("/tmp/canary", b"x"), ("a", b"x"), ("b", b"x")),
    "bomb": lambda: _zip(*((f"{n}", bytes(1 << 20)) for n in range(50))),
    "deep": lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "pickle": lambda: pickle.dumps(Evil()),
    "wide": lambda: WIDE,
    "cut": lambda: b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(100),
    "many": lambda: b"GIF89a" + (60_000).to_bytes(2, "little") * 2 + bytes(3) + b"," * 10_000,
    "long": lambda: b"a word and more\n" * 62_000,
}


@pytest.mark.parametrize("row", rows("call"))
async def test_whoever_obeys_does_no_harm(tmp_path: Path, row: dict[str, Any]) -> None:
    canary, store = tmp_path / "canary", MemoryStore()
    async with Listener() as listener:
        row = _filled(row, {"CANARY": str(canary), "PORT": str(listener.port)})
        _lay(tmp_path / "work", row)
        times = row.get("times", 1)
        turns = [
            Turn(calls=[ScriptedCall(one["tool"], one["args"]) for one in turn] * times)
            for turn in row["turns"]
        ]
        means = Fakes(tmp_path, obedient([*turns, say("done")], row.get("obeys", "")))
        means.secrets = {KEY}
        async with engine(means, store) as made:
            client = made.seat()
            await opened(client, tmp_path, row.get("mode", "ask"))
            after: list[str] = []
            answering = asyncio.create_task(_answers(client, row.get("answer", True), after))
            await prompt(client)
            seen = await until(client, runs.RunFinished)
            answering.cancel()
            assert {row.get("after", "")} <= {*after, ""}
            body = written(store, means)
        shelf = means.shelf(str(tmp_path / "work"))
        assert len(msgspec.json.encode([*shelf.skills(), *shelf.commands()])) < 1 << 16
        assert listener.reached == 0
    assert not canary.exists()
    assert not (tmp_path / "work/CANARY").exists()
    _told(row, seen)
    for text in (*row.get("never", ()), KEY):
        assert text.encode() not in body
    check(_prompt(seen).messages)


def _filled(row: dict[str, Any], more: dict[str, str]) -> dict[str, Any]:
    text = json.dumps(row)
    spelled = {
        "BASE64": base64.b64encode(KEY.encode()).decode(),
        "HEX": KEY.encode().hex(),
        "URL": quote(KEY, safe=""),
        '"KEY"': json.dumps(KEY),
    }
    for name, value in {**spelled, **more}.items():
        text = text.replace(name, value)
    return json.loads(text)


def _lay(work: Path, row: dict[str, Any]) -> None:
    work.mkdir()
    if row.get("git"):
        subprocess.run(["git", "init", "-q", str(work)], check=True)
    bodies = {name: text.encode() for name, text in row.get("files", {}).items()}
    bodies |= {name: MADE[kind]() for name, kind in row.get("made", {}).items()}
    for name, body in bodies.items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


def obedient(turns: list[Turn], obeys: str) -> Callable[[Prompt], Turn]:
    """A model that says these turns, and before the last runs every command that it has read."""

    def turn(prompt: Prompt) -> Turn:
        number = sum(message.role == "assistant" for message in prompt.messages)
        if not obeys or number != len(turns) - 1:
            return turns[min(number, len(turns) - 1)]
        told = "".join(one.text for one in prompt.messages[-1].blocks if isinstance(one, Text))
        found = re.findall(obeys, told)
        return Turn(calls=[ScriptedCall("shell", {"command": command}) for command in found])

    return turn


async def _answers(client: Client, allow: bool, after: list[str]) -> None:
    """Says the same to whatever is asked; `after` gets what is shown that it comes after."""
    async for seen in client.watch(STREAM):
        fact = seen.fact if isinstance(seen, Event) else None
        if isinstance(fact, calls.CallJudged) and fact.verdict.decision == "ask":
            after += [row["after"] for row in (await client.read("inbox", STREAM)).data]
            await client.submit(calls.AnswerApproval(STREAM, fact.call, fact.digest, allow))


def _told(row: dict[str, Any], seen: list[Any]) -> None:
    """What was said of each call, and what came of it."""
    order = [one.id for fact in facts(seen, runs.ReplyReceived) for one in fact.reply.calls]
    judged = {fact.call: fact for fact in facts(seen, calls.CallJudged)}
    ended = {fact.call: fact.observation for fact in facts(seen, calls.CallFinished)}
    assert order
    assert {*ended} == {*order}
    times = row.get("times", 1)
    says = row.get("says") or [""] * len(row["verdicts"])
    wanted = list(zip(row["verdicts"], row["status"], says, strict=True)) * times
    for name, (decision, status, words) in zip(order, wanted, strict=True):
        found = ended[name]
        said = judged[name].verdict.decision if name in judged else ""
        assert said == decision, (name, judged.get(name), found)
        assert found.status == (status or found.status), (name, found)
        assert words in found.text, (name, found)
        assert len(found.text) <= row.get("most", 1 << 20), (name, len(found.text))
        if row.get("marked"):
            assert any(m in found.text for m in ("more lines", "left out", "not shown", "…")), (
                name,
                found.text[-300:],
            )


def _prompt(seen: list[Any]) -> PromptView:
    view = PromptView(STREAM)
    for one in seen:
        view.apply(one)
    return view


# ---------------------------------------------------------------- servers


@pytest.mark.parametrize("row", rows("lent"))
async def test_what_is_lent_has_its_own_name_and_is_shown_as_it_is(
    tmp_path: Path, row: dict[str, Any]
) -> None:
    described = {"inputSchema": {"type": "object"}, **row["tool"]}
    async with lending(tmp_path, **{row["server"]: plain(tmp_path, [described])}) as it:
        lender = await it.ready(row["server"])
        (name,) = lender.tools
        assert name.startswith(row["name"])
        claims = await it.claims(name, row.get("args", {}))
        assert (claims.tool, claims.server, claims.effect) == (name, row["server"], "execute")
        assert claims.about == row["tool"]["description"]
        assert claims.subject == row.get("subject", claims.subject)
        for mode in MODES:
            assert judge(claims, (), mode).decision != "allow"
            ours = parse_rule(name.partition("__")[2])
            assert judge(claims, (ours,), mode).decision != "allow"


@pytest.mark.parametrize("row", rows("tool"))
def test_what_is_described_to_deceive_is_not_lent(row: dict[str, Any]) -> None:
    hostile: list[Any] = [listed(name) for name in row.get("names", ())]
    hostile += [listed("x" * row["long"])] if "long" in row else []
    schemas = [json.loads(text) for text in row.get("schemas", ())]
    if "deep" in row:
        schemas.append({"type": "object"})
        for _ in range(row["deep"]):
            schemas[-1] = {"type": "object", "anyOf": [schemas[-1]]}
    hostile += [{"name": "x", "description": "x", "inputSchema": schema} for schema in schemas]
    for one in hostile:
        found, refused = taken([one, listed("fine")])
        assert (list(found), len(refused)) == (["fine"], 1), one
        assert refused[0].isprintable()


@pytest.mark.parametrize("row", rows("form"))
async def test_nobody_is_asked_for_a_secret(row: dict[str, Any]) -> None:
    async def ask(question: Question) -> str | None:
        raise AssertionError(question)

    for name in row["fields"]:
        for fields in ({name: {"type": "string"}}, {"a": {"type": "string", "title": name}}):
            schema = {"type": "object", "properties": fields, "required": [*fields]}
            assert await asking.form("one", "Sign in.", schema, ask) is None, name


async def test_f10_no_server_has_our_model_answer(tmp_path: Path) -> None:
    async with lending(tmp_path, one=plain(tmp_path, [listed("sample")])) as it:
        await it.ready("one")
        said = json.loads((await it.call("one__sample")).text)
    assert "error" in said
    assert not said.get("result")


# ---------------------------------------------------------------- runs


@pytest.mark.parametrize("row", rows("cancel"))
async def test_a_run_is_cancelled_wherever_it_is(tmp_path: Path, row: dict[str, Any]) -> None:
    kinds: dict[str, Any] = {
        kind.__name__: kind
        for kind in (runs.AttemptStarted, runs.AttemptFailed, calls.CallJudged, calls.CallStarted)
    }
    kinds |= {"PromptSubmitted": PromptSubmitted, "Progress": runs.Progress}
    row = _filled(row, {"CANARY": str(tmp_path / "canary")})
    turns = [msgspec.convert(turn, Turn) for turn in row["turns"]]

    def answer(asked: Any) -> Turn:
        return say("again") if "once more" in repr(asked.messages[-1]) else turns[0]

    means = Fakes(tmp_path, answer)
    async with engine(means) as made, asyncio.timeout(LIMIT):
        client = made.seat()
        await opened(client, tmp_path, "ask")
        await client.submit(ConfigureRules(STREAM, tuple(map(parse_rule, row.get("rules", ())))))
        await prompt(client)
        async for seen in client.watch(STREAM):
            found = seen.fact if isinstance(seen, Event) else seen
            if isinstance(found, kinds[row["at"]]):
                break
        await client.submit(runs.InterruptRun(STREAM))
        whole = await until(client, runs.RunFinished)
        assert facts(whole, runs.RunFinished)[0].status in ("interrupted", "cancelled")
        open_calls = {c.id for f in facts(whole, runs.ReplyReceived) for c in f.reply.calls}
        assert open_calls == {fact.call for fact in facts(whole, calls.CallFinished)}
        assert (await client.read("inbox", STREAM)).data == []
        await prompt(client, "once more", "p2")
        whole = await until(client, runs.RunFinished, count=2)
    assert facts(whole, runs.RunFinished)[-1].status == "done"
    assert not (tmp_path / "canary").exists()
    check(_prompt(whole).messages)


async def test_l08_the_same_question_is_there_after_a_restart_and_is_answered_once(
    tmp_path: Path,
) -> None:
    store, turns = MemoryStore(), [call("shell", command="touch asked"), say("done")]
    async with engine(Fakes(tmp_path, turns), store, "o1") as made:
        await opened(made.seat(), tmp_path, "ask")
        await prompt(made.seat())
        await until(made.seat(), calls.CallJudged)
        (before,) = (await made.seat().read("inbox")).data
    store.drop("o1")
    async with engine(Fakes(tmp_path, turns), store, "o2") as other:
        client = other.seat()
        (after,) = (await client.read("inbox")).data
        assert after == before
        answer = calls.AnswerApproval(STREAM, after["call"], after["digest"], True)
        done = await asyncio.gather(
            *(client.submit(answer) for _ in range(3)), return_exceptions=True
        )
        assert [isinstance(one, Refused) for one in done].count(False) == 1
        seen = await until(client, runs.RunFinished)
    assert len(facts(seen, calls.CallStarted)) == 1
    assert (tmp_path / "work/asked").exists()
