"""The published schemas: every line that is printed fits, and every kind of fact is in them."""

import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.flows.test_cli import FOREVER, PROMPT, SAY, SHELL, Cli
from tests.life import LIMIT, until
from tuiagent.clients.cli.printers import event
from tuiagent.clients.cli.schemas import SCHEMAS, events
from tuiagent.kernel.aggregates import AGGREGATES
from tuiagent.kernel.event import Erased, Event, Unknown

KINDS = {fact.__name__ for kind in AGGREGATES.values() for fact in kind.facts}
WRITE = {"calls": [{"tool": "write", "args": {"path": "f", "content": "x\n"}}]}
ASK = {"calls": [{"tool": "ask", "args": {"question": "Which?", "choices": ["a", "b"]}}]}
TODO = {"calls": [{"tool": "todo", "args": {"items": [{"text": "a", "state": "open"}]}}]}
LASTS = {"calls": [{"tool": "shell", "args": {"command": "sleep 600", "wait": 0.05}}]}
AUTH = {"error": {"kind": "auth", "message": "wrong key"}}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The schema of a line, as the command prints it."""
    cli = Cli(tmp_path_factory.mktemp("schema"))
    printed = cli.run("schema", "events")
    assert not cli.root.exists()
    schema = json.loads(printed.stdout)
    jsonschema_rs.meta.validate(schema)
    return jsonschema_rs.validator_for(schema, offline=True)


def fitting(lines: str, schema: Any) -> set[str]:
    """The kinds in these lines, all of which fit."""
    rows = [json.loads(line) for line in lines.splitlines()]
    for row in rows:
        assert [error.message for error in schema.iter_errors(row)] == [], row
    assert rows
    return {row["kind"] for row in rows}


def test_every_line_of_every_flow_fits(tmp_path: Path, published: Any) -> None:
    seen: set[str] = set()

    def flow(*turns: dict[str, Any], folder: str) -> Cli:
        return Cli(tmp_path / folder, *turns)

    def told(cli: Cli, *args: str) -> None:
        seen.update(fitting(cli.run(*args, "--output", "events").stdout, published))

    cli = flow(SHELL, WRITE, ASK, TODO, {"text": "Said."}, SAY, folder="approval")
    told(cli, *PROMPT, "--mode", "ask")
    script = "/edit command mkdir other\n/session write for 5 uses\n/answer a\n/mode accept-edits\n"
    assert cli.run("attach", input=script).returncode == 0
    assert cli.run("attach", input="/undo\ny\n/compact\n/name tidy\nmore\n").returncode == 0
    told(cli, "--continue", "--allow", "list")
    told(cli, *PROMPT, "--fork", "tidy", "--model", cli.model)

    cli = flow(LASTS, SAY, folder="jobs")
    told(cli, *PROMPT, "--allow", "shell")
    assert cli.run("jobs", "kill", cli.session(), "job1").returncode == 0
    told(cli, "--continue")

    cli = flow(AUTH, folder="failure")
    told(cli, *PROMPT)
    cli = flow(FOREVER, SAY, folder="limit")
    told(cli, *PROMPT, "--allow", "shell", "--max-time", "0.5")
    cli = flow(*[SHELL] * 4, SAY, folder="circles")
    told(cli, *PROMPT, "--allow", "shell")

    cli = flow(FOREVER, SAY, folder="interruption")
    process = cli.start(*PROMPT, "--allow", "shell", "--output", "events", stdin=subprocess.DEVNULL)
    until((cli.work / "began").exists, "the command to begin")
    process.send_signal(2)
    seen |= fitting(process.communicate(timeout=LIMIT)[0].decode(), published)
    wanted = {"CallAmended", "RuleGranted", "CallDeferred", "UndoRequested", "ShorteningRequested"}
    wanted |= {"LimitReached", "RunNudged", "InterruptRequested", "ModeChanged", "SessionNamed"}
    wanted |= {"JobStarted", "JobStopRequested", "JobEnded"}
    assert wanted <= seen
    assert seen <= KINDS


def test_every_kind_of_fact_is_in_it_and_newer_ones_are_allowed(published: Any) -> None:
    schema = events()
    conditions = {part["if"]["properties"]["kind"]["const"] for part in schema["allOf"]}
    assert conditions == KINDS
    assert set(schema["$defs"]) >= KINDS
    row = {"position": 1, "stream": "s", "version": 1, "at": 0.5, "actor": "a", "kind": "New"}
    assert published.is_valid({**row, "body": 3, "more": 1})
    for kind in KINDS:
        assert published.is_valid({**row, "kind": kind, "body": None})
        assert not published.is_valid({**row, "kind": kind, "body": 3})
    assert not published.is_valid(row)


def test_what_was_erased_and_what_is_unknown_are_lines_too(published: Any) -> None:
    import msgspec

    for fact in (Erased("RunStarted"), Unknown("Newer", b'{"x":1}')):
        line = msgspec.json.encode(event(Event(1, "session/a", 1, 0.0, "owner", fact)))
        assert fitting(line.decode(), published) == {fact.kind}


def test_the_object_at_the_end_fits_and_config_has_one_schema(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SHELL, SAY)
    schema = json.loads(cli.run("schema", "result").stdout)
    value = json.loads(cli.run(*PROMPT, "--allow", "shell", "--output", "json").stdout)
    jsonschema_rs.validate(schema, value)
    result = schema["$defs"]["Result"]
    assert set(result["properties"]) == set(result["required"]) == set(value)
    assert cli.run("config", "schema").stdout == cli.run("schema", "config").stdout
    for name in SCHEMAS:
        jsonschema_rs.meta.validate(json.loads(cli.run("schema", name).stdout))


def test_the_documents_of_the_api_need_no_server(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    openapi = json.loads(cli.run("schema", "openapi").stdout)
    asyncapi = json.loads(cli.run("schema", "asyncapi").stdout)
    assert (openapi["openapi"], asyncapi["asyncapi"]) == ("3.1.0", "3.0.0")
    assert not cli.root.exists()
    for document in (openapi, asyncapi):
        for part in document["components"]["schemas"].values():
            jsonschema_rs.meta.validate(part)
        for place in references(document):
            found: Any = document
            for step in place.removeprefix("#/").split("/"):
                found = found[step]


def references(part: Any) -> list[str]:
    """Every `$ref` in a document."""
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [one for value in part.values() for one in references(value)]
    if isinstance(part, list):
        return [one for value in part for one in references(value)]
    return []
