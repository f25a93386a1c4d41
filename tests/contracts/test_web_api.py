"""The HTTP API: its table, who may ask what, and what is answered."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from tests.house import facts
from tests.house import until as happened
from tests.pictures import pdf, png
from tests.web import STRANGER, Served, opened, said, served, until
from tuiagent import connect
from tuiagent.clients.web import shapes
from tuiagent.clients.web.documents import CODES, asyncapi, openapi
from tuiagent.clients.web.routes import ROUTES, SSE, WEBSOCKET, Route, check
from tuiagent.clients.web.scopes import ANY, INTENTS, MODES, OPEN, SCOPES
from tuiagent.kernel import policy
from tuiagent.kernel.aggregates import AGGREGATES
from tuiagent.kernel.errors import ConfigError, Refused
from tuiagent.kernel.media import File, digest
from tuiagent.kernel.presence import ShowPresence
from tuiagent.kernel.prompts import PromptSubmitted, SubmitPrompt
from tuiagent.kernel.run import RunFinished
from tuiagent.registry import load

ASK = {"calls": [{"tool": "shell", "args": {"command": "touch made"}}]}
QUESTION = {"calls": [{"tool": "ask", "args": {"question": "which?", "choices": ["a", "b"]}}]}
SAY = {"text": ["one ", "two ", "three"]}
INTERNAL = {
    "RebasePrompt",
    "StartAttempt",
    "FailAttempt",
    "ReceiveReply",
    "InterruptReply",
    "ReachLimit",
    "EndRun",
    "JudgeCall",
    "StartCall",
    "DeferCall",
    "FinishCall",
    "ReportHooks",
    "TellAside",
    "TellTools",
    "EndJob",
    "ProposeUndo",
    "StallRun",
    "Seal",
}
"""What only performers report."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncGenerator[Served]:
    """A server whose model always says the same."""
    async with served(tmp_path, [SAY] * 20) as made:
        yield made


# ---------------------------------------------------------------- the table


def test_every_handler_is_there_and_no_two_routes_meet() -> None:
    check(ROUTES)
    for route in ROUTES:
        assert callable(load(route.handler)), route.path


def test_routes_that_meet_or_that_nobody_guards_are_refused() -> None:
    first = ROUTES[0]
    other = msgspec.structs.replace(first, dialect="other")
    with pytest.raises(ConfigError, match="meets"):
        check([first, other])
    one = Route("GET", "/a/{id}", "x", OPEN, "m:a", "")
    with pytest.raises(ConfigError, match="meets"):
        check([one, msgspec.structs.replace(one, path="/a/{name}", dialect="y")])
    with pytest.raises(ConfigError, match="no scope"):
        check([msgspec.structs.replace(first, scope="")])


def test_every_intent_is_for_a_scope_or_for_nobody() -> None:
    kinds = [kind for made in AGGREGATES.values() for kind in made.intents]
    known = {kind.__name__ for kind in [*kinds, ShowPresence]}
    assert known - INTERNAL - {*INTENTS} == set(), "decide who may submit it over a wire"
    assert {*INTENTS.values(), *MODES.values()} <= {*SCOPES}
    assert {*MODES} == {*policy.MODES}
    assert {*policy.NAMES} == {*get_args(shapes.Mode)}


def test_the_documents_tell_every_route() -> None:
    paths, channels = openapi()["paths"], asyncapi()["channels"]
    told = {channel["address"] for channel in channels.values()}
    for route in ROUTES:
        if route.kind != WEBSOCKET:
            operation = paths[route.path][route.method.lower()]
            assert operation["x-scope"] == route.scope
            assert (operation["security"] == []) == (route.scope == OPEN)
        assert (route.path in told) == bool(route.kind)
    assert {1012, 4400, 4401, 4408} <= {*CODES}
    assert b'"discriminator":{' not in msgspec.json.encode(asyncapi()), "AsyncAPI takes a name"


# ---------------------------------------------------------------- who may ask what


def path_of(route: Route) -> str:
    """A path of things that exist."""
    path = route.path.replace("{call}", "c1").replace("{job}", "job1")
    path = path.replace("{name}", "page.js")
    return path.replace("{id}", "r1" if "/runs/" in path else "s1")


async def status(server: Served, route: Route, key: str) -> int:
    """The status with which this key is answered."""
    path = path_of(route)
    if route.kind != WEBSOCKET:
        return (await server.ask(f"{route.method} {path}", key=key)).status
    upgrade = {"Upgrade": "websocket", "Sec_WebSocket_Version": "13"}
    upgrade["Sec_WebSocket_Key"] = "AAAAAAAAAAAAAAAAAAAAAA=="
    return (await server.ask(f"GET {path}", key=key, Connection="Upgrade", **upgrade)).status


async def test_the_authority_matrix(tmp_path: Path) -> None:
    """Every route by no key, wrong ones, dead ones, one too small, and one that sees nothing."""
    async with served(tmp_path, [SAY]) as server:
        assert (await opened(server)).status == 201
        for route in ROUTES:
            name = f"{route.method} {route.path}"
            if route.scope == OPEN:
                assert await status(server, route, "") == 200, name
                continue
            for key in ("", "wrong", "expired", "revoked"):
                assert await status(server, route, key) == 401, f"{name} by {key!r}"
            if route.scope != ANY:
                assert await status(server, route, "none") == 403, name
                others = [scope for scope in SCOPES if scope not in (route.scope, "admin")]
                for scope in others:
                    assert await status(server, route, scope) == 403, f"{name} by {scope}"
            if "{id}" in route.path:
                assert await status(server, route, STRANGER) in (404, 422), name
            if route.owner:
                assert await status(server, route, STRANGER) == 403, f"{name} is the owner's"


BODIES = {
    "input": {"prompt": "x"},
    "undo": {"call": "c1"},
    "approvals": {"digest": "x", "allow": True},
    "questions": {"text": "x"},
    "outcomes": {"how": "verified"},
}


@pytest.mark.parametrize(
    "route", [r for r in ROUTES if "{id}" in r.path], ids=lambda r: f"{r.method} {r.path}"
)
async def test_what_is_not_seen_is_not_there(route: Route, tmp_path: Path) -> None:
    """H10: another's object, one that is not there, and an odd name have one answer: 404."""
    async with served(tmp_path, [SAY]) as server:
        await opened(server)
        kind = "run" if "/runs/" in route.path else "session"
        body = next((body for word, body in BODIES.items() if f"/{word}" in route.path), None)
        found = "s1"
        if kind == "run":
            found = await said(server)
            await until(server, "done", found)
        path = route.path.replace("{call}", "c1").replace("{job}", "j1")
        for ident, key in ((found, STRANGER), ("s2", "all"), ("..%2f", "all"), ("%2a", "all")):
            answer = await server.ask(
                f"{route.method} {path.replace('{id}', ident)}", body, key=key
            )
            assert answer.status == 404, (ident, key, answer.body)
            assert ident in ("..%2f",) or answer.json["code"] == f"{kind}_not_found"


async def test_errors_are_problems_whatever_made_them(server: Served) -> None:
    for verb, status_, code in [
        ("GET /nowhere", 404, "not_found"),
        ("PUT /api/v1/sessions", 405, "method_not_allowed"),
        ("GET /api/v1/stream", 426, "upgrade_needed"),
        ("GET /api/v1/sessions?limt=1", 422, "query_invalid"),
        ("GET /api/v1/sessions?limit=1&limit=2", 422, "query_invalid"),
        ("GET /api/v1/sessions/none", 404, "session_not_found"),
        ("POST /api/v1/sessions", 409, "folder_not_found"),
    ]:
        answer = await server.ask(verb)
        assert (answer.status, answer.json["code"]) == (status_, code), verb
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json["error"] == code
        assert answer.json["message"] == answer.json["detail"] != ""
    allowed = (await server.ask("PUT /api/v1/sessions")).headers["allow"]
    assert sorted(allowed.split(", ")) == ["GET", "HEAD", "POST"]
    for body, status_ in ((b"{", 400), (b"[" * 100_000, 422), (b"[]", 422), (b'{"a":1}', 422)):
        answer = await server.ask("POST /api/v1/sessions", body)
        assert answer.status == status_, body[:10]


async def test_what_nobody_needs_a_key_for_tells_nothing_but_the_state(server: Served) -> None:
    """H31: health is open; documents and everything else need a key."""
    for path in ("/healthz", "/alive", "/readyz", "/health", "/api/health"):
        answer = await server.ask(f"GET {path}", key="")
        assert (answer.status, answer.json) == (200, {"status": "ready"})
    for path in ("/api/v1/openapi.json", "/api/v1/asyncapi.json", "/api/v1/status"):
        assert (await server.ask(f"GET {path}", key="")).status == 401
    for path in ("/metrics", "/docs", "/openapi.json", "/debug", "/redoc"):
        assert (await server.ask(f"GET {path}")).status == 404
    server.app.drain()
    for path, code in (("/healthz", 200), ("/alive", 200), ("/readyz", 503), ("/health", 503)):
        answer = await server.ask(f"GET {path}", key="")
        assert (answer.status, answer.json) == (code, {"status": "draining"})


# ---------------------------------------------------------------- sessions


async def test_a_session_from_its_opening_to_its_end(server: Served) -> None:
    made = await opened(server, name="my work", deny=["shell(rm *)"], ask=["edit(src/**)"])
    assert (made.status, made.json["id"], made.json["name"]) == (201, "s1", "my work")
    run = await said(server)
    assert (await until(server, "done", run))["turns"] == 1
    texts = (await server.ask("GET /api/v1/sessions/s1/transcript")).json["items"]
    assert [item["text"] for item in texts if item["kind"] == "reply"] == ["one two three"]
    first = (await server.ask("GET /api/v1/sessions/s1/events?limit=1")).json
    assert first["more"]
    rules = [f"{rule['action']} {rule['tool']}" for rule in first["items"][0]["body"]["rules"]]
    assert rules[-2:] == ["deny shell", "ask edit"]
    rest = (await server.ask(f"GET /api/v1/sessions/s1/events?after={first['position']}")).json
    assert [one["version"] for one in rest["items"]] == list(range(2, 8))
    assert not rest["more"]
    of_run = (await server.ask(f"GET /api/v1/runs/{run}/events?limit=2")).json
    assert [one["kind"] for one in of_run["items"]] == ["PromptSubmitted", "RunStarted"]
    assert of_run["more"]
    changed = await server.ask(
        "PATCH /api/v1/sessions/s1", {"name": "other", "archived": True, "mode": "plan"}
    )
    assert (changed.status, changed.json["name"], changed.json["archived"]) == (200, "other", True)
    assert (await server.ask("GET /api/v1/sessions")).json["items"] == []
    assert len((await server.ask("GET /api/v1/sessions?all=true")).json["items"]) == 1
    assert (await server.ask("DELETE /api/v1/sessions/s1")).json["deleted"]
    refused = await server.ask("POST /api/v1/sessions/s1/input", {"prompt": "x"})
    assert refused.status == 409
    assert (await server.ask("POST /api/v1/sessions/s1/restore")).json["deleted"] is None
    for part in ("files", "usage", "jobs"):
        page = await server.ask(f"GET /api/v1/sessions/s1/{part}")
        assert page.status == 200
        assert page.json["total"] == (part == "usage")


async def test_lists_are_paged_from_their_newest_end(server: Served) -> None:
    for number in range(5):
        await opened(server, f"s{number}")
    page = (await server.ask("GET /api/v1/sessions?limit=2")).json
    assert [row["id"] for row in page["items"]] == ["s4", "s3"]
    assert page["total"] == 5
    page = (await server.ask("GET /api/v1/sessions?limit=2&before=3")).json
    assert [row["id"] for row in page["items"]] == ["s2", "s1"]
    assert (await server.ask("GET /api/v1/sessions?before=99&limit=1")).json["items"][0][
        "id"
    ] == "s4"


async def test_a_repetition_is_one_effect_and_another_body_is_a_conflict(server: Served) -> None:
    """H23, for openings by name and by key, and for what is said."""
    assert [(await opened(server)).status for _ in range(2)] == [201, 200]
    for other in ({"name": "x"}, {"mode": "plan"}, {"deny": ["shell"]}, {"folder": "/"}):
        assert (await opened(server, **other)).status == 409, other
    body = {"folder": "/"}
    once = {"Idempotency_Key": "k"}
    twice = [await server.ask("POST /api/v1/sessions", body, **once) for _ in range(2)]
    assert [answer.status for answer in twice] == [201, 200]
    assert twice[0].json["id"] == twice[1].json["id"]
    other = await server.ask("POST /api/v1/sessions", {**body, "name": "x"}, **once)
    assert other.status == 409
    say = "POST /api/v1/sessions/s1/input"
    all_ = await asyncio.gather(*(server.ask(say, {"prompt": "go"}, **once) for _ in range(20)))
    assert {answer.status for answer in all_} == {202}
    assert len({answer.body for answer in all_}) == 1
    assert (await server.ask(say, {"prompt": "other"}, **once)).status == 409
    same = await server.ask(say, {"prompt": "go", "once": "k"})
    assert same.body == all_[0].body
    assert (await server.ask("GET /api/v1/runs")).json["total"] == 1


async def test_a_fork_goes_on_where_its_origin_stands(server: Served) -> None:
    await opened(server)
    await until(server, "done", await said(server))
    forked = await server.ask(
        "POST /api/v1/sessions", {"id": "f1", "fork": {"session": "s1"}, "model": "scripted/tour"}
    )
    assert (forked.status, forked.json["origin"]) == (201, "session/s1")
    texts = (await server.ask("GET /api/v1/sessions/f1/transcript")).json["items"]
    assert "one two three" in [item["text"] for item in texts]
    none = await server.ask("POST /api/v1/sessions", {"id": "f2", "fork": {"session": "no"}})
    assert none.status == 404


@pytest.mark.parametrize("more", [{"actor": "x"}, {"rules": []}, {"opened": 1}, {"allow": ["*"]}])
async def test_what_is_not_for_callers_to_say_is_refused(
    server: Served, more: dict[str, Any]
) -> None:
    """H11."""
    answer = await opened(server, **more)
    assert (answer.status, answer.json["code"]) == (422, "body_invalid")


async def test_a_key_lets_no_mode_hold_that_says_yes_for_it(server: Served) -> None:
    """Whoever may not answer approvals does not get round them by a mode."""
    await opened(server)
    held = server.house.opening(str(Path(server.house.settings.root).parent / "work")).sandbox
    patch, write = "PATCH /api/v1/sessions/s1", "sessions:write"
    for mode, no_sandbox, key, expected in [
        ("plan", False, write, 200),
        ("accept-edits", False, write, 403),
        ("accept-edits", False, "all", 200),
        ("risky", False, write, 403),
        ("always", False, write, 200),
        ("never", True, write, 403),
        ("never", False, "all", 409),
        ("auto", True, write, 403),
        ("auto", False, "all", 409),
        ("auto", True, "all", 200),
    ]:
        body = {"mode": mode, "no_sandbox": no_sandbox}
        there = 200 if expected == 409 and held else expected
        assert (await server.ask(patch, body, key=key)).status == there, (mode, key)
        whole = {"folder": "/", **body}
        answer = await server.ask("POST /api/v1/sessions", whole, key=key)
        assert answer.status == {200: 201}.get(expected, expected), (mode, key)


async def test_only_an_administrator_takes_the_sandbox_away(server: Served) -> None:
    """Also where nothing else is to be different."""
    await opened(server)
    patch = "PATCH /api/v1/sessions/s1"
    refused = await server.ask(patch, {"no_sandbox": True, "name": "x"}, key="sessions:write")
    assert (refused.status, refused.json["code"]) == (403, "scope_missing")
    row = (await server.ask("GET /api/v1/sessions/s1")).json
    assert row["name"] == ""
    assert (await server.ask(patch, {"no_sandbox": True})).status == 200


@pytest.mark.parametrize("usual", ["accept-edits", "auto", "plan"])
async def test_the_usual_mode_holds_where_the_key_could_have_asked_for_it(
    tmp_path: Path, usual: str
) -> None:
    async with served(tmp_path, [SAY]) as server:
        server.house.settings = msgspec.structs.replace(server.house.settings, mode=usual)
        for number, key in enumerate(("all", "sessions:write")):
            body = {"folder": "/", "id": f"s{number}"}
            assert (await server.ask("POST /api/v1/sessions", body, key=key)).status == 201
        first = [await anext(server.client.watch(f"session/s{number}")) for number in (0, 1)]
        modes = [event.fact.mode for event in first]  # type: ignore[union-attr]
        asked = {"accept-edits": ["accept-edits", "ask"], "auto": ["ask", "ask"]}
        assert modes == asked.get(usual, [usual, usual])


async def test_no_run_begins_without_a_model(tmp_path: Path) -> None:
    async with served(tmp_path, [SAY]) as server:
        settings = msgspec.structs.replace(server.house.settings, model="")
        server.house.settings = settings
        assert (await opened(server)).json["model"] == ""
        answer = await server.ask("POST /api/v1/sessions/s1/input", {"prompt": "x"})
        assert (answer.status, answer.json["code"]) == (409, "no_model")
        assert "OPENAI_API_KEY" in answer.json["detail"]
        assert (await server.ask("GET /api/v1/runs")).json["total"] == 0
        limited = {"prompt": "x", "limits": {"cost": 1.0}}
        await server.ask("PATCH /api/v1/sessions/s1", {"model": "nobody/x"})
        answer = await server.ask("POST /api/v1/sessions/s1/input", limited)
        assert (answer.status, answer.json["code"]) == (409, "price_unknown")


# ---------------------------------------------------------------- people


async def test_an_approval_counts_once_and_for_what_was_shown(tmp_path: Path) -> None:
    """H13."""
    async with served(tmp_path, [ASK, SAY, ASK, SAY]) as server:
        await opened(server)
        run = await said(server)
        await until(server, "waiting_for_approval", run)
        row = (await server.ask("GET /api/v1/approvals")).json["items"][0]
        assert (await server.ask("GET /api/v1/inbox")).json["items"] == [row]
        verb = f"POST /api/v1/sessions/s1/approvals/{row['call']}"
        yes = {"digest": row["digest"], "allow": True}
        moved = await server.ask(verb, {**yes, "digest": "0" * 64})
        assert moved.status == 409
        assert (await server.ask(verb, yes, key="sessions:write")).status == 403
        answers = await asyncio.gather(*(server.ask(verb, yes) for _ in range(4)))
        assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]
        await until(server, "done", run)
        assert (tmp_path / "work" / "made").exists()
        second = await said(server)
        await until(server, "waiting_for_approval", second)
        row = (await server.ask("GET /api/v1/approvals")).json["items"][0]
        await server.ask("POST /api/v1/sessions/s1/interrupt", {"cancel": True})
        late = await server.ask(f"POST /api/v1/sessions/s1/approvals/{row['call']}", yes)
        assert late.status == 409


async def test_a_question_is_answered(tmp_path: Path) -> None:
    async with served(tmp_path, [QUESTION, {**SAY, "expect": "b"}]) as server:
        await opened(server)
        run = await said(server)
        await until(server, "waiting_for_question", run)
        row = (await server.ask("GET /api/v1/questions")).json["items"][0]
        assert row["question"]["text"] == "which?"
        verb = f"POST /api/v1/sessions/s1/questions/{row['call']}"
        assert (await server.ask(verb, {"text": "b"})).status == 200
        assert (await server.ask(verb, {"text": "a"})).status == 409
        await until(server, "done", run)


# ---------------------------------------------------------------- runs


async def test_what_steers_goes_to_the_run_that_goes_on(tmp_path: Path) -> None:
    async with served(tmp_path, [ASK, SAY, SAY]) as server:
        await opened(server)
        first = await said(server, steer=True)
        await until(server, "waiting_for_approval", first)
        body = {"prompt": "rather not", "steer": True}
        answer = (await server.ask("POST /api/v1/sessions/s1/input", body)).json
        assert (answer["run"], answer["prompt"] == first) == (first, False)
        row = (await server.ask("GET /api/v1/approvals")).json["items"][0]
        no = {"digest": row["digest"], "allow": False}
        await server.ask(f"POST /api/v1/sessions/s1/approvals/{row['call']}", no)
        await until(server, "done", first)
        assert (await server.ask("GET /api/v1/runs")).json["total"] == 1


async def test_a_run_is_ended_and_nothing_else(tmp_path: Path) -> None:
    async with served(tmp_path, [ASK, SAY]) as server:
        await opened(server)
        first = await said(server)
        await until(server, "waiting_for_approval", first)
        second, third = await said(server), await said(server)
        cancelled = await server.ask(f"POST /api/v1/runs/{second}/cancel")
        assert (cancelled.status, cancelled.json["status"]) == (200, "cancelled")
        await server.ask(f"POST /api/v1/runs/{first}/cancel")
        await until(server, "cancelled", first)
        await until(server, "done", third)
        again = await server.ask(f"POST /api/v1/runs/{first}/cancel")
        assert again.json["status"] == "cancelled", "it stays what it was"
        rows = (await server.ask("GET /api/v1/runs?session=s1&limit=2")).json["items"]
        assert [row["id"] for row in rows] == [third, second]
        done = (await server.ask("GET /api/v1/runs?status=done")).json["items"]
        assert [row["id"] for row in done] == [third]
        assert (await server.ask("GET /api/v1/runs?session=none")).json["items"] == []
        assert (await server.ask("GET /api/v1/runs?session=%2A")).status == 422
        end = (await server.ask(f"GET /api/v1/runs/{third}/events")).json["items"][-1]
        assert (end["kind"], end["body"]["status"]) == (RunFinished.__name__, "done")


# ---------------------------------------------------------------- the house


async def test_the_configuration_holds_no_secret(tmp_path: Path) -> None:
    home = tmp_path / "home" / ".config" / "tuiagent"
    home.mkdir(parents=True)
    (home / "config.toml").write_text(
        'allow = ["shell(ls *)"]\n[providers.mine]\napi_key = "SECRET1"\ndefault_model = "m1"\n'
        'api_base = "https://user:SECRET2@host.test:8443/v1?key=SECRET3"\n'
    )
    async with served(tmp_path, [SAY]) as server:
        answer = await server.ask("GET /api/v1/config")
        assert b"SECRET" not in answer.body
        assert answer.json["providers"]["mine"] == {
            "api_base": "https://host.test:8443/v1",
            "default_model": "m1",
            "models": [],
            "key": "config",
        }
        assert "allow shell(ls *)" in answer.json["rules"]
        assert str(tmp_path / "state") not in answer.body.decode()
        models = (await server.ask("GET /api/v1/models")).json["items"]
        assert [(row["default"], row["id"][:8]) for row in models] == [
            (True, "scripted"),
            (False, "mine/m1"),
        ]


async def test_what_there_is_can_be_asked_for(server: Served) -> None:
    await opened(server)
    await until(server, "done", await said(server, prompt="a needle"))
    found = (await server.ask("GET /api/v1/search?q=needle")).json["hits"]
    assert [hit["kind"] for hit in found] == ["prompt"]
    nothing = (await server.ask("GET /api/v1/search?q=%2A")).json
    assert nothing["hits"] == []
    assert nothing["note"]
    assert (await server.ask("GET /api/v1/usage")).json["total"] == 1
    assert "shell" in [t["name"] for t in (await server.ask("GET /api/v1/tools")).json["items"]]
    me = (await server.ask("GET /api/v1/me", key="sessions:read")).json
    assert me["scopes"] == ["sessions:read"]
    status_ = (await server.ask("GET /api/v1/status")).json
    assert (status_["sessions"], status_["runs"], status_["waiting"]) == (1, {}, 0)
    assert (await server.ask("GET /api/v1/capabilities")).json["streams"] == [SSE, WEBSOCKET]


async def test_what_people_wrote_and_servers_lend_can_be_asked_for(tmp_path: Path) -> None:
    async with served(tmp_path, [SAY]) as server:
        work = tmp_path / "work"
        skill = work / ".agents/skills/deploy.md"
        skill.parent.mkdir(parents=True)
        skill.write_text("---\nname: deploy\ndescription: how it is done\n---\nSo.\n")
        servers = {"it": {"url": "http://127.0.0.1:9/mcp", "headers": {"X": "secret-header"}}}
        (work / ".mcp.json").write_bytes(msgspec.json.encode({"mcpServers": servers}))
        for what in ("skills", "mcp-servers"):
            nowhere = await server.ask(f"GET /api/v1/{what}?folder=/no/where")
            assert (nowhere.status, nowhere.json["code"]) == (409, "folder_not_found")
        anywhere = (await server.ask("GET /api/v1/skills")).json["items"]
        assert {row["source"] for row in anywhere} == {"shipped"}
        found = (await server.ask(f"GET /api/v1/skills?folder={work}")).json["items"]
        assert [row["description"] for row in found if row["name"] == "deploy"] == [
            "how it is done"
        ]
        answer = await server.ask(f"GET /api/v1/mcp-servers?folder={work}")
        assert [(row["name"], row["state"]) for row in answer.json["items"]] == [
            ("it", "untrusted")
        ]
        assert b"secret-header" not in answer.body
        assert (await opened(server, "s1", skills=["deploy"], effort="high")).status == 201
        assert (await opened(server, "s1", skills=["deploy"], effort="high")).status == 200
        assert (await opened(server, "s1", skills=["deploy"], effort="low")).status == 409
        wrong = await opened(server, "s2", skills=["nothing"])
        assert (wrong.status, wrong.json["code"]) == (409, "skill_refused")
        assert (await server.ask("PATCH /api/v1/sessions/s1", {"effort": "off"})).status == 200
        bodies = [
            item["body"]
            for item in (await server.ask("GET /api/v1/sessions/s1/events")).json["items"]
            if item["kind"] in ("SessionOpened", "EffortChanged")
        ]
        assert [body["effort"] for body in bodies] == ["high", "off"]
        assert bodies[0]["skills"] == ["deploy"]


FITS = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


async def test_an_answer_that_fits_a_schema_can_be_asked_for(tmp_path: Path) -> None:
    turns = [{"text": '```json\n{"n": 7}\n```'}, {"text": '{"n": "seven"}'}, SAY, SAY]
    async with served(tmp_path, turns) as server:
        await opened(server)
        found = []
        for schema in (FITS, FITS, FITS, None):
            run = await said(server, **({"output_schema": schema} if schema else {}))
            await until(server, "done", run)
            found.append((await server.ask(f"GET /api/v1/runs/{run}/answer")).json)
        assert [one["structured_output"] for one in found] == [{"n": 7}, None, None, None]
        assert [bool(one["problems"]) for one in found] == [False, True, True, False]
        assert "$.n" in found[1]["problems"][0]
        assert "not one JSON document" in found[2]["problems"][0]
        assert found[3]["answer"] == "one two three"
        [first, *_] = await kinds(server, "PromptSubmitted")
        assert first["schema"] == FITS
        assert "<json-schema>" in first["text"]
        for schema, why in (
            ({"type": 1}, "type"),
            ({"$ref": "http://127.0.0.1:9/x"}, "nothing is fetched"),
            ({"description": "x" * (1 << 16)}, "64 KiB"),
        ):
            body = {"prompt": "go", "output_schema": schema}
            refused = await server.ask("POST /api/v1/sessions/s1/input", body)
            assert (refused.status, refused.json["code"]) == (409, "schema_refused")
            assert why in refused.json["detail"]
        body = {"prompt": "go", "output_schema": FITS, "steer": True}
        assert (await server.ask("POST /api/v1/sessions/s1/input", body)).status == 409


async def kinds(server: Served, kind: str) -> list[Any]:
    """The bodies of a session's facts of one kind."""
    items = (await server.ask("GET /api/v1/sessions/s1/events")).json["items"]
    return [item["body"] for item in items if item["kind"] == kind]


async def test_a_session_has_the_rules_of_its_own_project(tmp_path: Path) -> None:
    """Not those of the folder in which the server was started."""
    async with served(tmp_path) as server:
        file = tmp_path / "work" / ".tuiagent" / "config.toml"
        file.parent.mkdir()
        file.write_text('deny = ["shell(rm *)"]\nallow = ["shell"]\n')
        await opened(server)
        first = await server.ask("GET /api/v1/sessions/s1/events")
        rules = first.json["items"][0]["body"]["rules"]
        theirs = [rule for rule in rules if rule.get("source") == "project"]
        assert [(rule["action"], rule["tool"]) for rule in theirs] == [("deny", "shell")]
        file.write_text("deny = 1\n")
        wrong = await opened(server, "s2")
        assert (wrong.status, wrong.json["code"]) == (409, "config_unreadable")
        assert "config.toml" in wrong.json["detail"]


def coded(*bodies: bytes) -> list[dict[str, str]]:
    """Files as a body has them."""
    return [{"data": base64.b64encode(body).decode()} for body in bodies]


async def test_images_and_documents_come_with_what_is_said(tmp_path: Path) -> None:
    picture, paper = png(40, 30), pdf("The plan")
    async with served(tmp_path, [SAY, SAY]) as server:
        assert (await opened(server)).status == 201
        files = coded(picture, paper)
        files[0]["name"] = "shot.png"
        await said(server, files=files)
        data = (await server.ask("GET /api/v1/sessions/s1/transcript")).json["items"]
        [item] = [item for item in data if item["kind"] == "prompt"]
        told = [(one["name"], one["blob"]) for one in item["media"]]
        assert told == [("shot.png", digest(picture)), ("file-2", digest(paper))]


@pytest.mark.parametrize(
    ("files", "status", "code"),
    [
        (coded(b"no picture"), 409, "file_refused"),
        (coded(png(40, 30)[:20]), 409, "file_refused"),
        (coded(png(9000, 10)), 409, "file_refused"),
        (coded(png(4, 4) + bytes(5 << 20)), 409, "file_refused"),
        (coded(png(4, 4)) * 21, 422, "body_invalid"),
        ([{"data": "%%%"}], 422, "body_invalid"),
        ([{"data": ""}], 422, "body_invalid"),
        ([{**coded(png(4, 4))[0], "name": "../x\u001b.png"}], 422, "body_invalid"),
        ([{"data": "QQ==", "url": "http://127.0.0.1/x.png"}], 422, "body_invalid"),
    ],
)
async def test_what_no_model_takes_is_refused_and_nothing_is_said(
    tmp_path: Path, files: list[dict[str, str]], status: int, code: str
) -> None:
    async with served(tmp_path, [SAY]) as server:
        assert (await opened(server)).status == 201
        body = {"prompt": "look", "files": files}
        answer = await server.ask("POST /api/v1/sessions/s1/input", body)
        assert (answer.status, answer.json["code"]) == (status, code)
        assert (await server.ask("GET /api/v1/runs")).json["items"] == []


async def test_a_session_without_a_folder_is_in_the_one_of_the_settings(tmp_path: Path) -> None:
    async with served(tmp_path, [SAY]) as server:
        assert (await server.ask("POST /api/v1/sessions", {"id": "s1"})).status == 409
        settings = server.house.settings
        server.house.settings = msgspec.structs.replace(settings, work_dir=str(tmp_path / "work"))
        answer = await server.ask("POST /api/v1/sessions", {"id": "s1"})
        assert (answer.status, answer.json["folder"]) == (201, str(tmp_path / "work"))


async def test_a_remote_client_says_images_as_one_on_the_machine_does(tmp_path: Path) -> None:
    large = png(40, 30, b"n" * (4 << 20))
    async with served(tmp_path, [SAY]) as server, connect(server.url, "all") as client:
        await opened(server)
        bad = SubmitPrompt("session/s1", "p0", "look", files=(File("x.png", b"no picture"),))
        with pytest.raises(Refused, match="neither an image"):
            await client.submit(bad)
        intent = SubmitPrompt("session/s1", "p1", "look", files=(File("a.png", large),))
        await client.submit(intent)
        seen = await happened(client, RunFinished, "session/s1")
        [told] = facts(seen, PromptSubmitted)
        assert [(one.blob, one.size) for one in told.media] == [(digest(large), len(large))]
        many = tuple(File(f"{n}.png", large) for n in range(2))
        with pytest.raises(Refused, match="no more than 8 MiB"):
            await client.submit(SubmitPrompt("session/s1", "p2", "look", files=many))
        await client.read("sessions")
