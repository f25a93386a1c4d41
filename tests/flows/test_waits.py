"""A run that nobody sees waits for what would end another one, and goes on by itself."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.flows.test_detach import home
from tests.house import STREAM, Fakes, World, call, engine, facts, opened, prompt, say, until
from tests.life import until as seen_outside
from tuiagent.clients.waits import at, told
from tuiagent.engine.orphans import adopt_orphans
from tuiagent.engine.retry import ATTEMPTS
from tuiagent.kernel.call import CallStarted
from tuiagent.kernel.errors import ProviderError
from tuiagent.kernel.event import Event
from tuiagent.kernel.message import Prompt
from tuiagent.kernel.presence import GONE, ShowPresence
from tuiagent.kernel.reply import Part
from tuiagent.kernel.run import AttemptFailed, AttemptStarted, InterruptRun, RunFinished
from tuiagent.kernel.session import SessionOpened
from tuiagent.kernel.stall import ResumeRun, RunResumed, RunStalled
from tuiagent.ports import Provider
from tuiagent.providers.scripted import ScriptedError, Turn
from tuiagent.stores.memory import MemoryStore
from tuiagent.views.status import StatusView

KINDS = {
    "network": "scripted to be reached",
    "server": "scripted to work again",
    "overloaded": "scripted to have room again",
    "rate_limit": "scripted to take requests again",
    "limit": "a quota at scripted",
    "auth": "a key that scripted takes",
    "forbidden": "leave to use this model of scripted",
}


class Skipping(World):
    """A world in which time that somebody waits for passes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0.0

    def now(self) -> float:
        """See World."""
        return super().now() + self.skipped

    async def sleep(self, seconds: float) -> None:
        """See World."""
        await asyncio.sleep(0)
        self.skipped += max(0.0, seconds)

    def random(self) -> float:
        """No jitter."""
        return 0.5


class Away:
    """A provider that fails before it answers."""

    def __init__(self, error: ProviderError, times: int, then: Provider) -> None:
        self.error, self.times, self.then, self.asked = error, times, then, 0

    async def stream(self, prompt: Prompt) -> AsyncIterator[Part]:
        """The failure so many times; then what the other one says."""
        self.asked += 1
        if self.asked <= self.times:
            raise self.error
        async for part in self.then.stream(prompt):
            yield part

    async def close(self) -> None:
        """Nothing is open."""


class Means(Fakes):
    """A house whose provider is away."""

    away: Away | None = None

    def lose(self, kind: str, times: int, after: float | None = None) -> Away:
        """The provider fails so often from now on."""
        then = super().provider("scripted/x", SessionOpened("/", "scripted/x", "ask"))
        self.away = Away(ProviderError(kind, f"{kind} it is", after), times, then)
        return self.away

    def provider(self, model: str, opened: SessionOpened) -> Provider:
        """See engine.drive.Means."""
        return self.away or super().provider(model, opened)


@pytest.mark.parametrize("kind", KINDS)
async def test_it_waits_longer_each_time_and_goes_on_by_itself(tmp_path: Path, kind: str) -> None:
    means = Means(tmp_path, [say("done")])
    budget = ATTEMPTS if kind in ProviderError.RETRYABLE else 1
    away = means.lose(kind, budget + 2)
    async with engine(means, world=Skipping(), serves=True) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        seen = await until(client, RunFinished)
        stalls = facts(seen, RunStalled)
        assert [stall.needs for stall in stalls] == [KINDS[kind]] * 3
        waits = [b.again - a.again for a, b in pairwise(stalls)]
        assert 0 < waits[0] < waits[1]
        assert len(facts(seen, RunResumed)) == 1, "it waits on while it looks"
        assert facts(seen, RunFinished)[0].status == "done"
        assert away.asked == budget + 3
        assert (await client.read("inbox")).data == []


@pytest.mark.parametrize("kind", ["bad_request", "too_long", "tls"])
async def test_what_no_time_mends_ends_it(tmp_path: Path, kind: str) -> None:
    means = Means(tmp_path, [say("done")])
    means.lose(kind, 99)
    async with engine(means, world=Skipping(), serves=True) as made:
        await opened(made.seat(), tmp_path)
        await prompt(made.seat())
        seen = await until(made.seat(), RunFinished)
        assert facts(seen, RunStalled) == []
        assert facts(seen, RunFinished)[0].status == "error"


async def test_who_is_there_is_told_at_once(tmp_path: Path) -> None:
    means = Means(tmp_path, [say("done")])
    means.lose("auth", 99)
    async with engine(means, world=Skipping(), serves=True) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await client.submit(ShowPresence(STREAM, "screen", "ana"))
        await prompt(client)
        seen = await until(client, RunFinished)
        assert facts(seen, RunStalled) == []
        await client.submit(ShowPresence(STREAM, "screen", "ana", GONE))
        await prompt(client, name="p2")
        await until(client, RunStalled)


async def test_who_comes_while_it_waits_sees_it_wait(tmp_path: Path) -> None:
    means = Means(tmp_path, [say("done")])
    means.lose("auth", 2)
    async with engine(means, world=Skipping(), serves=True) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        await until(client, RunStalled)
        await client.submit(ShowPresence(STREAM, "screen", "ana"))
        seen = await until(client, RunFinished)
        assert facts(seen, RunFinished)[0].status == "done"


class Standing(Skipping):
    """A world whose time stands: who waits waits for ever."""

    async def sleep(self, seconds: float) -> None:
        """See World."""
        if seconds > 30:
            await asyncio.Event().wait()
        await super().sleep(seconds)


async def test_a_person_need_not_wait(tmp_path: Path) -> None:
    means = Means(tmp_path, [say("done")])
    means.lose("limit", 1)
    async with engine(means, world=Standing(), serves=True) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        await until(client, RunStalled)
        (item,) = (await client.read("inbox")).data
        assert (item["kind"], item["text"]) == ("key", "needs a quota at scripted")
        assert item["again"] > made.journal.world.now()
        await client.submit(ResumeRun(STREAM))
        await until(client, RunFinished)


async def test_it_can_be_stopped_while_it_waits(tmp_path: Path) -> None:
    means = Means(tmp_path, [say("done")])
    means.lose("limit", 99)
    async with engine(means, world=Standing(), serves=True) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        await until(client, RunStalled)
        await client.submit(InterruptRun(STREAM))
        (ended,) = facts(await until(client, RunFinished), RunFinished)
        assert ended.status == "interrupted"


async def test_another_process_waits_to_the_same_time_and_repeats_nothing(tmp_path: Path) -> None:
    held = "echo a >>ran; until [ -e go ]; do sleep 0.02; done"
    turns = [call("shell", command=held), say("done")]
    store, one, two = MemoryStore(), Means(tmp_path, turns), Means(tmp_path, turns)
    async with engine(one, store, "o1", Standing(), serves=True) as first:
        client = first.seat()
        await opened(client, tmp_path)
        begun = asyncio.create_task(until(client, CallStarted))
        await prompt(client)
        await begun
        away = one.lose("rate_limit", 99, after=3600.0)
        (tmp_path / "work/go").touch()
        (stall,) = facts(await until(client, RunStalled), RunStalled)
        assert stall.again - first.journal.world.now() > 3500
        assert away.asked == 1, "longer than a person waits for: no try in between"
        await first.release(STREAM)
        world = Skipping()
        async with engine(two, store, "o2", world, serves=True) as second:
            world.skipped = stall.again - world.now() - 1.0
            await adopt_orphans(second)
            await second.adopt(STREAM)
            seen = await until(second.seat(), RunFinished)
            assert world.now() >= stall.again
            assert len(facts(seen, AttemptFailed)) == 1
            assert (tmp_path / "work/ran").read_text() == "a\n"


class Picky(BaseHTTPRequestHandler):
    """A model's server that takes one key only, and keeps those that it was sent."""

    keys: list[str] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.keys.append(self.headers["authorization"])
        parts = [{"delta": {"content": "yes"}}, {"delta": {}, "finish_reason": "stop"}]
        lines = [json.dumps({"choices": [{"index": 0, **part}]}) for part in parts]
        body = "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"])
        good = self.keys[-1] == "Bearer sk-good"
        self.send_response(200 if good else 401)
        self.send_header("content-type", "text/event-stream" if good else "application/json")
        self.end_headers()
        self.wfile.write((body if good else "{}").encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def test_a_key_that_is_set_is_used_at_once_and_no_other_is_tried_again(tmp_path: Path) -> None:
    Picky.keys.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Picky) as server, home(tmp_path) as cli:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cli.environ["TUIAGENT_MODEL"] = "openai/m"
        cli.environ["OPENAI_BASE_URL"] = f"http://127.0.0.1:{server.server_port}/v1"
        cli.environ["OPENAI_API_KEY"] = "sk-bad"
        cli.serve()
        assert cli.run("--headless", "hello", "--detach").returncode == 0
        seen_outside(lambda: bool(cli.facts(RunStalled)), "the key to be refused")
        assert cli.run("status").returncode == 0, "it lends the same key again"
        assert Picky.keys == ["Bearer sk-bad"]
        assert cli.run("keys", "set", "openai", "--command", "echo sk-good").returncode == 0
        seen_outside(lambda: bool(cli.facts(RunFinished)), "the run to go on")
        assert Picky.keys == ["Bearer sk-bad", "Bearer sk-good"]
        server.shutdown()


class Elsewhere(Picky):
    """Another one, with a list of its own."""

    keys: list[str] = []


def test_a_key_goes_to_its_own_address_and_whoever_takes_up_is_asked_at_theirs(
    tmp_path: Path,
) -> None:
    Picky.keys.clear()
    Elsewhere.keys.clear()
    place = ("127.0.0.1", 0)
    with (
        ThreadingHTTPServer(place, Picky) as one,
        ThreadingHTTPServer(place, Elsewhere) as two,
        home(tmp_path) as cli,
    ):
        for server in (one, two):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        cli.environ["TUIAGENT_MODEL"] = "openai/m"
        cli.serve()

        def at(server: ThreadingHTTPServer, key: str, *words: str) -> str:
            """What is said by somebody who has this address and this key."""
            cli.environ["OPENAI_BASE_URL"] = f"http://127.0.0.1:{server.server_port}/v1"
            cli.environ["OPENAI_API_KEY"] = key
            done = cli.run(*words)
            assert done.returncode == 0, done.stderr
            return done.stdout

        session = at(one, "sk-bad", "-p", "hello", "--detach", "--output", "json")
        ident = json.loads(session)["session"]
        seen_outside(lambda: bool(cli.facts(RunStalled)), "its key to be refused")
        assert at(two, "sk-good", "-p", "hello") == "yes\n"
        assert {*Picky.keys} == {"Bearer sk-bad"}, "its key is for another address"
        assert at(two, "sk-good", "-p", "on", "--resume", ident) == "yes\n"
        assert {*Picky.keys} == {"Bearer sk-bad"}
        assert {*Elsewhere.keys} == {"Bearer sk-good"}
        shown = cli.run("sessions", "show", ident).stdout
        assert f"asks openai at http://127.0.0.1:{two.server_port}/v1 from now on" in shown
        for server in (one, two):
            server.shutdown()


async def test_a_run_that_somebody_sees_ends_at_a_long_limit_and_says_until_when(
    tmp_path: Path,
) -> None:
    world = Skipping()
    error = ScriptedError(kind="rate_limit", message="too many", retry_after=7200.0)
    means = Fakes(tmp_path, [Turn(error=error)])
    async with engine(means, world=world, serves=True) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await client.submit(ShowPresence(STREAM, "screen", "ana"))
        before = world.now()
        await prompt(client)
        seen = await until(client, RunFinished)
        ends = (before + 7200, world.now() + 7200)
        moments = {time.strftime("%H:%M", time.localtime(end)) for end in ends}
    [ended], [failed] = facts(seen, RunFinished), facts(seen, AttemptFailed)
    assert (ended.status, ended.error, failed.retry_at) == ("error", failed.error, None)
    assert any(f" at {moment} " in ended.error for moment in moments)


def test_a_moment_is_told_with_its_day_where_that_is_not_today() -> None:
    now = time.time()
    assert at(now).startswith("at ")
    assert at(now + 3 * 86400).startswith("on 20")
    assert at(now, seconds=True).count(":") == 2
    assert told("a key", None) == "needs a key"
    assert "; looks again at " in told("a key", now)


def test_the_status_says_when_the_model_is_asked_again(tmp_path: Path) -> None:
    view = StatusView(STREAM)
    begun = [SessionOpened(str(tmp_path), "scripted/x", "ask"), AttemptStarted("p1.1", 1)]
    failed = AttemptFailed("p1.1", "rate_limit", "busy", 1037.0)
    for number, fact in enumerate([*begun, failed], 1):
        view.apply(Event(number, STREAM, number, 1000.0, "agent", fact))
    assert view.status.retry == 1037.0
    view.apply(Event(4, STREAM, 4, 1037.0, "agent", AttemptStarted("p1.2", 1)))
    assert view.status.retry is None
