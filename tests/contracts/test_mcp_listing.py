"""What servers and repositories say: taken as data, and only as far as it is harmless."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lending import Lending, tool
from tuiagent.config_file import ServerTable
from tuiagent.connectors import asking
from tuiagent.connectors.definition import LONGEST, TOOLS, name_of, prefix, taken
from tuiagent.connectors.servers import (
    WHOLE,
    Filling,
    Server,
    checked,
    offers,
    repository,
    unchanged,
)
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.message import Question
from tuiagent.kernel.rules import parse_rule

DEEP: dict[str, Any] = {}
for _ in range(10_000):
    DEEP = {"anyOf": [DEEP]}


def schema(**more: Any) -> dict[str, Any]:
    return {"inputSchema": {"type": "object", **more}}


@pytest.mark.parametrize(
    "hostile",
    [
        tool("read\u0430file"),
        tool("bash "),
        tool("x" * 300),
        tool(""),
        tool("a\nb"),
        {"name": 5, **schema()},
        {"name": "x", "inputSchema": None},
        {"name": "x", "inputSchema": []},
        {"name": "x", "inputSchema": {"type": "string"}},
        {"name": "x", **schema(properties=5)},
        {"name": "x", **schema(properties={"a": {"$ref": "http://127.0.0.1/x"}})},
        {"name": "x", **schema(properties={"a": {"$dynamicRef": "file:///etc/passwd"}})},
        {"name": "x", **schema(properties={"a": DEEP})},
        {"name": "x", **schema(description="x" * 100_000)},
        tool("fine"),
    ],
    ids=range(15),
)
def test_a_hostile_tool_is_not_lent_and_the_others_are(hostile: dict[str, Any]) -> None:
    found, refused = taken([hostile, tool("fine", "Fine.")])
    assert list(found) == ["fine"]
    assert len(refused) == 1


def test_words_of_servers_are_cleaned_and_bounded() -> None:
    text = "\x1b]0;x\x07Adds.\u200b\u202e\U000e0041" + "y" * 10_000
    found, _ = taken([tool("x", text, **schema(properties={"a": {"description": "\x1b[2J!"}}))])
    one = found["x"]
    assert one.description.startswith("]0;xAdds.yyy")
    assert len(one.description) < 4200
    assert one.parameters["properties"]["a"]["description"] == "[2J!"


def test_there_is_an_end_to_the_tools_of_one_server() -> None:
    found, refused = taken([tool(f"t{n}") for n in range(TOOLS + 100)])
    assert len(found) == TOOLS
    assert refused == (f"more than {TOOLS} tools: the others are left out",)


def test_a_person_says_which_tools_are_lent() -> None:
    listed = [tool("a"), tool("b"), tool("c")]
    assert list(taken(listed, only=("a", "b"), never=("b",))[0]) == ["a"]


def test_recursive_references_within_are_fine() -> None:
    found, refused = taken([{"name": "x", **schema(properties={"a": {"$ref": "#"}})}])
    assert (list(found), refused) == (["x"], ())


NAMES = [
    ("github", "create_issue", "github__create_issue"),
    ("github", "read.file/x", None),
    ("my server", "x", None),
    ("9lives", "x", None),
    ("a__b", "c", None),
    ("a_", "c", None),
    ("a" * 200, "b" * 128, None),
]


@pytest.mark.parametrize(("server", "name", "wanted"), NAMES)
def test_names_fit_everywhere(server: str, name: str, wanted: str | None) -> None:
    found = name_of(server, name)
    assert found == (wanted or found)
    assert len(found) <= LONGEST
    assert str(parse_rule(found)) == found
    assert found == name_of(server, name)


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=20), st.text(max_size=20))
def test_no_two_tools_share_a_name(one: str, other: str, first: str, second: str) -> None:
    if (one, first) != (other, second):
        assert name_of(one, first) != name_of(other, second)
    if one != other:
        rule = prefix(one) + "__"
        assert not name_of(other, first).startswith(rule)


# ---------------------------------------------------------------- repositories


def written(folder: Path, body: object) -> str:
    text = body if isinstance(body, str) else json.dumps(body)
    (folder / ".mcp.json").write_text(text)
    return hashlib.sha256(text.encode()).hexdigest()


MINE = {"mcpServers": {"here": {"command": "x", "args": ["${A:-b}"], "trusted": True}}}


def test_a_repositorys_servers_are_reached_only_as_they_were_trusted(tmp_path: Path) -> None:
    it = Lending(tmp_path, own=ServerTable(command="y"))
    path = str(tmp_path / ".mcp.json")
    mark = written(tmp_path, MINE)

    def rows() -> dict[str, str]:
        return {row.name: row.state for row in it.mcp.lenders(str(tmp_path))}

    assert rows() == {"own": "known", "here": "untrusted"}
    assert not [s for s in it.mcp._servers(str(tmp_path)) if s.name == "here"]
    it.trusted[path] = mark
    (server,) = [s for s in it.mcp._servers(str(tmp_path)) if s.name == "here"]
    assert not server.table.trusted  # which is not the repository's to say
    written(tmp_path, {"mcpServers": {"here": {"command": "curl evil"}}})
    assert rows() == {"own": "known", "here": "untrusted"}
    it.trusted[path] = written(tmp_path, {"mcpServers": {"own": {"command": "evil"}}})
    assert [s.table.command for s in it.mcp._servers(str(tmp_path))] == ["y"]  # nobody shadows it


SCRIPT = "scripts/serve.py"


@pytest.mark.parametrize(
    "table",
    [
        {"command": f"./{SCRIPT}"},
        {"command": "python3", "args": ["-u", SCRIPT]},
        {"command": "node", "args": [f"--import=./{SCRIPT}", "x"]},
        {"command": "sh", "args": ["-c", f"exec python3 '{SCRIPT}' --stdio"]},
        {"command": "python3", "args": ["${CLAUDE_PROJECT_DIR}/scripts/../scripts/serve.py"]},
        {"command": "python3", "args": ["${WHERE:-scripts/serve.py}"]},
        {"command": "python3", "args": ["serve.py"], "cwd": "scripts"},
        {"command": "python3", "args": ["link.py"]},
    ],
    ids=range(8),
)
def test_a_script_that_a_server_names_is_trusted_as_it_is(
    tmp_path: Path, table: dict[str, Any]
) -> None:
    it, script = Lending(tmp_path), tmp_path / SCRIPT
    script.parent.mkdir()
    script.write_text("good")
    (tmp_path / "link.py").symlink_to(script)
    written(tmp_path, {"mcpServers": {"here": table}})

    def rows() -> list[str]:
        return [row.state for row in it.mcp.lenders(str(tmp_path))]

    def trust() -> None:
        (offer,) = offers(str(tmp_path))
        assert any(text.endswith("as it is now") for text in offer.runs)
        it.trusted[offer.path] = offer.sha256

    trust()
    assert rows() == ["known"]
    (server,) = it.mcp._servers(str(tmp_path))
    unchanged(server)
    script.write_text("evil")
    assert rows() == ["untrusted"]
    with pytest.raises(ToolError, match="has changed: trust it anew"):
        unchanged(server)
    trust()
    assert rows() == ["known"]
    script.unlink()
    assert rows() == ["untrusted"]


def test_what_is_no_script_of_the_repository_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "repo/docs").mkdir(parents=True)
    os.mkfifo(tmp_path / "repo/pipe")
    outside = tmp_path / "outside"
    outside.write_text("a")
    args = [".", "docs", "pipe", str(outside), "../outside", "gone", "a\0b", "\ud800", "'"]
    mark = written(tmp_path / "repo", {"mcpServers": {"here": {"command": "x", "args": args}}})
    found = repository(str(tmp_path / "repo"))
    assert found is not None
    assert (found.sha256, found.files) == (mark, ())


def test_a_long_file_is_known_by_its_time(tmp_path: Path) -> None:
    written(tmp_path, {"mcpServers": {"here": {"command": "./server"}}})
    with (tmp_path / "server").open("wb") as file:
        file.truncate(WHOLE + 1)
        first = repository(str(tmp_path))
        file.write(b"x")
    second = repository(str(tmp_path))
    assert first is not None
    assert second is not None
    assert first.sha256 != second.sha256


@pytest.mark.parametrize(
    "body", ["", "[]", "{", '{"mcpServers": 5}', '{"mcpServers": {"x": 5}}', "[" * 100_000]
)
def test_a_repositorys_file_that_is_wrong_is_said_to_be(tmp_path: Path, body: str) -> None:
    written(tmp_path, body)
    found = repository(str(tmp_path))
    assert found is not None
    assert found.servers == ()
    assert bool(found.problem) != (body == '{"mcpServers": {}}')


def test_a_repository_gets_no_key_of_a_model() -> None:
    environ = {"OPENAI_API_KEY": "k", "MINE": "m", "TOKEN": "t", "PATH": "/bin"}
    table = ServerTable(command="x", env={"A": "${TOKEN}", "B": "${NONE:-usual}"})

    def filling(foreign: bool) -> Filling:
        return Filling(environ, {"kept": "secret"}.get, frozenset({"MINE"}), foreign)

    assert filling(True).all(table).env == {"PATH": "/bin", "A": "t", "B": "usual"}
    for text in ("${OPENAI_API_KEY}", "${MINE}", "${key:kept}"):
        with pytest.raises(ToolError, match="no repository gets"):
            filling(True).filled(text)
    assert filling(False).filled("Bearer ${key:kept}") == "Bearer secret"
    with pytest.raises(ToolError, match="tuiagent keys set other"):
        filling(False).filled("${key:other}")


def test_a_command_is_words_and_no_shell() -> None:
    table = checked(Server("x", "config", ServerTable(command="a; rm -rf b", args=("$(c)",))))
    assert (table.command, table.args) == ("a; rm -rf b", ("$(c)",))


# ---------------------------------------------------------------- asking


def form(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields)}


async def told(schema: dict[str, Any], *answers: str | None) -> tuple[Any, list[Question]]:
    asked: list[Question] = []

    async def ask(question: Question) -> str | None:
        asked.append(question)
        return answers[len(asked) - 1]

    return await asking.form("one", "Please say.", schema, ask), asked


async def test_a_form_is_asked_field_by_field() -> None:
    fields = form(
        many={"type": "integer"},
        kind={"enum": ["a", "b"]},
        sure={"type": "boolean"},
        usual={"type": "string", "default": "x"},
    )
    found, asked = await told(fields, "some", "3", "c", "b", "yes", "-")
    assert found == {"many": 3, "kind": "b", "sure": True, "usual": "x"}
    assert "'some' is no integer." in asked[1].text
    assert asked[2].choices == ("a", "b", "decline")
    optional = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert (await told(optional, "-"))[0] == {}
    assert (await told(form(a={}), "decline"))[0] is None
    assert (await told(form(a={}), None))[0] is None


@pytest.mark.parametrize("name", ["api_key", "password", "authToken", "pin", "client_secret"])
async def test_no_form_asks_for_a_secret(name: str) -> None:
    assert await told(form(**{name: {"type": "string"}})) == (None, [])
    assert await told(form(a={"type": "string", "description": f"your {name}"})) == (None, [])


async def test_an_address_is_shown_and_never_opened() -> None:
    asked: list[Question] = []

    async def ask(question: Question) -> str | None:
        asked.append(question)
        return asking.OPENED

    assert await asking.address("one", "Sign in", "https://user:x@evil.example/a", ask) == "accept"
    assert "open this at evil.example:" in asked[0].text
    assert await asking.address("one", "Sign in", "file:///etc/passwd", ask) == "decline"
    assert len(asked) == 1


def test_a_table_of_a_person_is_read(tmp_path: Path) -> None:
    from tuiagent import config_file

    assert not config_file.put_server(str(tmp_path), "one", {"command": "x", "args": ["-y"]})
    assert config_file.put_server(str(tmp_path), "one", {"url": "https://x"})
    file = config_file.read(config_file.path(str(tmp_path)))
    assert msgspec.structs.replace(file.mcp["one"], url="") == ServerTable()
    assert config_file.put_server(str(tmp_path), "one", None)
    assert config_file.read(config_file.path(str(tmp_path))).mcp == {}
