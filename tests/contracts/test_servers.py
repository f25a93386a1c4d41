"""Which server a provider's name stands for, and what is found under the names people have."""

import re
from pathlib import Path
from typing import Any

import pytest
from fault_server import Row, Server
from provider_kit import asks, collect, prompt, reply
from speakers import Event

from tests.house import Fakes, QuickWorld, build, facts, opened, until
from tests.house import prompt as say
from tuiagent.config import FIRST, Flags, load, opening
from tuiagent.config_file import ProviderTable
from tuiagent.environment import ADDRESSES, KEYS
from tuiagent.kernel import run as runs
from tuiagent.kernel.effort import ChangeEffort, EffortChanged
from tuiagent.kernel.errors import NeedsError, ProviderError, Refused
from tuiagent.kernel.message import EFFORTS
from tuiagent.kernel.prompts import ModelChanged
from tuiagent.kernel.session import SessionOpened
from tuiagent.means import LocalMeans
from tuiagent.ports import Provider
from tuiagent.providers import CLOUDS, DIALECTS
from tuiagent.providers.abilities import ability, presets
from tuiagent.providers.models import offered
from tuiagent.providers.nearby import PORTS
from tuiagent.providers.servers import KINDS, PATIENCE, connect, key_of, url_of


def dialect(provider: Any) -> str:
    """Which of the dialects a provider speaks."""
    return next(
        k for k, place in DIALECTS.items() if place.endswith(type(provider._dialect).__name__)
    )


def means(environ: dict[str, str], **more: Any) -> tuple[LocalMeans, SessionOpened]:
    settings = load(environ, Flags(**more))
    return LocalMeans(settings, environ, {}, ()), opening(settings, ".", environ)


# ---------------------------------------------------------------- what is known by name


def test_the_servers_that_are_known_are_spoken_to_as_they_want() -> None:
    found = {name: dialect(connect(name, url_of(name), "k")) for name in presets()}
    large = {"openai": "responses", "anthropic": "anthropic", "google": "google"}
    assert found == {name: large.get(name, "compatible") for name in found}
    assert {name for name, variable in KEYS.items()} >= {p.key for p in presets().values() if p.key}
    assert set(KEYS.values()) | set(ADDRESSES.values()) <= set(presets())
    assert {n: p.port for n, p in presets().items() if p.port} == PORTS
    assert set(KINDS.values()) | set(CLOUDS.values()) <= set(DIALECTS)


def test_the_first_models_are_known_and_every_expression_says_something() -> None:
    names = [model.name for model in offered()]
    for provider, model in FIRST.items():
        assert f"{provider}/{model}" in names or provider == "mistral"
    assert ability("claude-sonnet-5-5").reasoning == "adaptive"
    assert ability("us.anthropic.claude-opus-4-1-20250805-v1:0").output == 32_000
    assert ability("claude-sonnet-4-20250514").reasoning == "budget"
    assert ability("claude-3-5-haiku-20241022").output == 8_192
    assert [ability(n).reasoning for n in ("gpt-4.1", "o3-mini", "gpt-5.2-chat", "gpt-6-sol")] == [
        "",
        "effort",
        "",
        "effort",
    ]
    assert ability("llama3") == ability("") != ability("gemini-2.5-pro")


def test_openai_at_another_address_is_any_compatible_server() -> None:
    assert dialect(connect("openai", "https://api.openai.com/v1", "k")) == "responses"
    assert dialect(connect("openai", "https://eu.api.openai.com/v1", "k")) == "responses"
    assert dialect(connect("openai", "https://api.openai.com.evil.test/v1", "k")) == "compatible"
    assert dialect(connect("openai", "http://127.0.0.1:1/v1", "k")) == "compatible"
    table = ProviderTable(kind="responses")
    assert dialect(connect("openai", "http://127.0.0.1:1/v1", "k", table)) == "responses"
    assert dialect(connect("mine", "http://h/v1", "k", ProviderTable(kind="gemini"))) == "google"
    with pytest.raises(ProviderError, match=r"kind = 'cohere'; use one of openai, responses"):
        connect("mine", "http://h/v1", "k", ProviderTable(kind="cohere"))


def test_a_server_on_this_machine_has_the_time_to_load_a_model() -> None:
    def patience(url: str, table: ProviderTable | None = None) -> float:
        provider: Any = connect("mine", url, None, table)
        return provider._transport._wire._limits.first_byte

    assert patience("http://localhost:11434/v1") == patience("http://127.0.0.1:1/v1") == PATIENCE
    assert patience("https://localhost.evil.test/v1") < PATIENCE
    assert patience("http://127.0.0.1:1/v1", ProviderTable(timeout_secs=7.0)) == 7.0


# ---------------------------------------------------------------- names that people have


@pytest.mark.parametrize("variable", sorted(KEYS))
async def test_a_key_in_the_environment_is_found_and_sent(tmp_path: Path, variable: str) -> None:
    name = KEYS[variable]
    environ = {"HOME": str(tmp_path), variable: "k-123"}
    local, session = means(environ, model=f"{name}/m")
    assert session.credentials[name] == f"env:{variable}"
    provider: Any = local.provider(f"{name}/m", session)
    assert provider._key == "k-123"
    assert provider._transport.where.startswith(re.sub("https?://", "", url_of(name)))


@pytest.mark.parametrize("variable", sorted(ADDRESSES))
async def test_another_address_is_used_and_needs_no_key(tmp_path: Path, variable: str) -> None:
    name = ADDRESSES[variable]
    form = {"openai": "compatible"}.get(name, name)
    async with Server(form=form) as server:
        environ = {"HOME": str(tmp_path), variable: server.url.removesuffix("/v1")}
        local, session = means(environ)
        assert session.model == f"{name}/{FIRST[name]}"
        provider = local.provider(session.model, session)
        assert reply(await collect(provider, prompt())).text == "good"
        await provider.close()
        assert server.requests[0].key == ""


@pytest.mark.parametrize("name", sorted(set(KEYS.values())))
def test_without_a_key_a_session_waits_for_it_by_name(tmp_path: Path, name: str) -> None:
    local, session = means({"HOME": str(tmp_path)})
    with pytest.raises(NeedsError, match=f"needs key {key_of(name)}"):
        local.provider(f"{name}/m", session)


def test_a_name_that_nobody_knows_is_told_what_there_is(tmp_path: Path) -> None:
    local, session = means({"HOME": str(tmp_path)})
    with pytest.raises(ProviderError, match=r"no provider 'moonbeam'.*openrouter.*providers\.moon"):
        local.provider("moonbeam/m", session)


# ---------------------------------------------------------------- another model takes over


class Chain(Fakes):
    """Models by name, each behind an address of its own, and who takes over for whom."""

    def __init__(self, folder: Path, models: dict[str, Provider]) -> None:
        super().__init__(folder, [])
        self.models = models

    def provider(self, model: str, opened: SessionOpened) -> Provider:
        """See engine.drive.Means."""
        return self.models[model]

    def fallback(self, model: str) -> str:
        """See engine.drive.Means."""
        names = [*self.models, ""]
        return names[names.index(model) + 1]


CALL = {"index": 0, "id": "c1", "name": "list", "arguments": '{"path":"."}'}
LOOKS = Row("looks", events=(Event(thought="hm"), Event(call=CALL), Event(stop="tool_calls")))
DENIED = Row("403", status=403, body="")
DOWN = Row("500", status=500, body="")
WRONG = Row("400", status=400, body="")


@pytest.mark.parametrize(("fault", "tries"), [(DENIED, 1), (DOWN, 5)], ids=["403", "500"])
async def test_when_a_model_does_not_answer_the_next_one_goes_on(
    tmp_path: Path, fault: Row, tries: int
) -> None:
    async with (
        Server([LOOKS, *[fault] * 9], form="anthropic") as one,
        Server([DENIED], form="google") as two,
        Server(form="responses") as three,
    ):
        models = {
            "scripted/x": asks(one.url, form="anthropic"),
            "b/m": asks(two.url, form="google"),
            "c/m": asks(three.url, form="responses"),
        }
        engine = await build(Chain(tmp_path, models), world=QuickWorld())
        client = engine.seat()
        await opened(client, tmp_path)
        await say(client)
        seen = await until(client, runs.RunFinished)
        await engine.close()
        for model in models.values():
            await model.close()
    (ended,) = facts(seen, runs.RunFinished)
    changes = facts(seen, ModelChanged)
    assert ended.status == "done"
    assert [change.model for change in changes] == ["b/m", "c/m"]
    assert all("answered" in change.why for change in changes)
    assert (len(one.requests), len(two.requests), len(three.requests)) == (1 + tries, 1, 1)
    assert b"function_call_output" in three.requests[0].body


async def test_a_mistake_in_the_request_is_shown_and_not_handed_on(tmp_path: Path) -> None:
    async with Server([WRONG]) as one, Server() as two:
        models = {name: asks(s.url) for name, s in (("scripted/x", one), ("b/m", two))}
        engine = await build(Chain(tmp_path, models), world=QuickWorld())
        client = engine.seat()
        await opened(client, tmp_path)
        await say(client)
        seen = await until(client, runs.RunFinished)
        await engine.close()
        for model in models.values():
            await model.close()
    assert facts(seen, runs.RunFinished)[0].status == "error"
    assert not facts(seen, ModelChanged)
    assert not two.requests


def test_a_chain_is_gone_through_once(tmp_path: Path) -> None:
    home = tmp_path / ".config" / "tuiagent"
    home.mkdir(parents=True)
    (home / "config.toml").write_text('fallback = ["a/1", "b/2", "a/1"]\neffort = "low"\n')
    local, session = means({"HOME": str(tmp_path)})
    assert [local.fallback(m) for m in ("x/y", "a/1", "b/2")] == ["a/1", "b/2", ""]
    assert session.effort == "low"
    assert means({"HOME": str(tmp_path)}, effort="max")[1].effort == "max"


# ---------------------------------------------------------------- effort


async def test_effort_is_told_from_the_next_request_on(tmp_path: Path) -> None:
    async with Server() as server:
        provider = asks(server.url)
        engine = await build(Chain(tmp_path, {"scripted/x": provider}))
        client = engine.seat()
        await opened(client, tmp_path)
        for number, effort in enumerate(("high", "", "off")):
            await client.submit(ChangeEffort("session/s1", effort))
            await say(client, "go", f"p{number}")
            seen = await until(client, runs.RunFinished, count=number + 1)
        with pytest.raises(Refused, match=", ".join(EFFORTS)):
            await client.submit(ChangeEffort("session/s1", "enormous"))
        await engine.close()
        await provider.close()
    told = [re.search(rb'"reasoning_effort":"(\w+)"', r.body) for r in server.requests]
    assert [found and found[1] for found in told] == [b"high", None, b"none"]
    assert [fact.effort for fact in facts(seen, EffortChanged)] == ["high", "", "off"]
