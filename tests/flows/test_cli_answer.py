"""An answer that has to fit a JSON Schema: asked for, checked, corrected, never told when wrong."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socket import create_server
from threading import Thread
from typing import Any

import pytest

from tests.flows.test_cli import Cli
from tests.house import STREAM, Fakes, call, engine, opened, say
from tests.house import until as house_until
from tests.life import LIMIT, until
from tuiagent.kernel.run import RunFinished
from tuiagent.kernel.session import SubmitPrompt

NAMED = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
FITS = {"text": '{"name": "x"}'}
WRONG = {"text": '{"name": 3}'}
WORDS = {"text": "Here it is!"}


@contextmanager
def chatting(*answers: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server of Chat Completions that says this: its address, and what it is asked."""
    bodies: list[dict[str, Any]] = []

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            choice = {"delta": {"content": answers[len(bodies) - 1]}, "finish_reason": "stop"}
            event = json.dumps({"model": "m", "choices": [choice]})
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(f"data: {event}\n\ndata: [DONE]\n\n".encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Chat) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1", bodies
        server.shutdown()


class Asking(Cli):
    """The command line with a schema in a file."""

    def __init__(self, folder: Path, schema: Any, *turns: dict[str, Any]) -> None:
        super().__init__(folder, *turns)
        text = schema if isinstance(schema, str) else json.dumps(schema)
        (self.work / "schema.json").write_text(text)

    def ask(self, *args: str) -> subprocess.CompletedProcess[str]:
        """One prompt whose answer must fit."""
        return self.run("-p", "go", "--output-schema", "schema.json", *args)

    def prompts(self) -> list[str]:
        """What was said in the only session."""
        shown = self.run("sessions", "show", self.session(), "--output", "json").stdout
        return [item["text"] for item in json.loads(shown) if item["kind"] == "prompt"]


def test_the_document_alone_is_told_and_the_model_knew_the_schema(tmp_path: Path) -> None:
    fenced = {"text": '```json\n{"name": "x",\n "more": 1}\n```', "expect": '"required":["name"]'}
    cli = Asking(tmp_path, NAMED, fenced)
    done = cli.ask()
    assert (done.returncode, done.stdout, done.stderr) == (0, '{"name":"x","more":1}\n', "")
    assert len(cli.prompts()) == 1


async def test_it_is_forced_upon_the_answers_of_its_own_run_alone(tmp_path: Path) -> None:
    means = Fakes(tmp_path, [call("list", path="."), say('{"name": "x"}'), say("Words.")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await client.submit(SubmitPrompt(STREAM, "p1", "go", schema=NAMED))
        await client.submit(SubmitPrompt(STREAM, "p2", "and now in words"))
        await house_until(client, RunFinished, count=2)
    assert [asked.schema for asked in means.prompts] == [NAMED, NAMED, None]


def test_a_model_that_can_be_forced_is_and_the_answer_is_checked(tmp_path: Path) -> None:
    with chatting('{"name": 3}', '{"name": "x"}') as (url, bodies):
        cli = Asking(tmp_path, NAMED)
        cli.environ |= {"OPENAI_BASE_URL": url, "TUIAGENT_MODEL": "openai/gpt-5.5"}
        done = cli.ask()
    assert (done.returncode, done.stdout) == (0, '{"name":"x"}\n')
    closed = {**NAMED, "additionalProperties": False}
    assert [body["response_format"]["json_schema"] for body in bodies] == [
        {"name": "answer", "schema": closed, "strict": True}
    ] * 2


@pytest.mark.parametrize(
    ("schema", "text"),
    [(True, "null"), ({"type": "array"}, "[]"), ({"enum": [1]}, "1"), ({"const": "a"}, '"a"')],
)
def test_any_root_will_do(tmp_path: Path, schema: Any, text: str) -> None:
    assert Asking(tmp_path, schema, {"text": text}).ask().stdout == text + "\n"


def test_it_is_corrected_twice_with_the_errors_named(tmp_path: Path) -> None:
    turns = WORDS, {**WRONG, "expect": "it is not one JSON document"}
    last = {**FITS, "expect": '$.name: 3 is not of type "string"'}
    cli = Asking(tmp_path, NAMED, *turns, last)
    done = cli.ask("--output", "json")
    value = json.loads(done.stdout)
    assert (done.returncode, value["structured_output"]) == (0, {"name": "x"})
    assert value["answer"] == FITS["text"]
    assert len(cli.prompts()) == 3


def test_what_does_not_fit_is_not_told_and_where_to_read_it_is(tmp_path: Path) -> None:
    cli = Asking(tmp_path, NAMED, WORDS, WRONG, {"text": '{"other": 1}'}, FITS)
    done = cli.ask()
    assert (done.returncode, done.stdout) == (1, "")
    assert '$: "name" is a required property' in done.stderr
    assert f"tuiagent sessions show {cli.session()}" in done.stderr
    assert len(cli.prompts()) == 3
    again = cli.run("--resume", cli.session(), "--output-schema", "schema.json")
    assert (again.returncode, again.stdout) == (1, "")
    told = json.loads(cli.run("--continue", "--output", "json").stdout)
    assert told["structured_output"] is None
    wrong = cli.run("--continue", "--output-schema", "schema.json", "--output", "json")
    value = json.loads(wrong.stdout)
    assert (wrong.returncode, value["exit"], value["structured_output"]) == (1, 1, None)
    events = cli.run("--continue", "--output-schema", "schema.json", "--output", "events")
    assert (events.returncode, "does not fit" in events.stderr) == (1, True)
    assert len(cli.prompts()) == 3


def test_a_limit_holds_for_the_prompt_with_its_corrections(tmp_path: Path) -> None:
    cli = Asking(tmp_path, NAMED, WORDS, WRONG, FITS)
    done = cli.ask("--max-turns", "2")
    assert (done.returncode, done.stdout) == (3, "")
    assert "a limit is used up" in done.stderr
    assert len(cli.prompts()) == 2


def test_a_refusal_in_the_first_try_is_still_exit_4(tmp_path: Path) -> None:
    call = {"calls": [{"tool": "shell", "args": {"command": "mkdir x"}}]}
    done = Asking(tmp_path, NAMED, call, WORDS, FITS).ask()
    assert (done.returncode, done.stdout) == (4, '{"name":"x"}\n')


def test_done_once_and_gone_on_with_after_a_kill(tmp_path: Path) -> None:
    wait = {
        "calls": [{"tool": "shell", "args": {"command": "touch a; until [ -e b ]; do :; done"}}]
    }
    cli = Asking(tmp_path, NAMED, WORDS, wait, WRONG, FITS)
    flags = ("--output-schema", "schema.json", "--once", "k", "--allow", "shell")
    process = cli.start("-p", "go", *flags, stdin=subprocess.DEVNULL)
    until((cli.work / "a").exists, "the correction to begin")
    process.kill()
    process.communicate(timeout=LIMIT)
    (cli.work / "b").touch()
    for _ in range(2):
        done = cli.run("-p", "go", *flags)
        assert (done.returncode, done.stdout) == (0, '{"name":"x"}\n')
    assert len(cli.prompts()) == 3
    resumed = cli.run("--continue", "--output-schema", "schema.json")
    assert resumed.stdout == done.stdout


# ---------------------------------------------------------------- schemas that are none


DOUBLED = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(60)}
EXPLODES = {"$ref": "#/$defs/a0", "$defs": {**DOUBLED, "a60": {}}}


NONE = (
    ("{", "truncated"),
    ("[]", "not of types"),
    ('{"type": "objekt"}', "$.type"),
    ('{"pattern": "("}', "$.pattern"),
    ('{"x": NaN}', "JSON is malformed"),
    ('{"$ref": "other.json"}', "nothing is fetched"),
    ('{"$schema": "http://127.0.0.1:9/meta"}', "127.0.0.1:9/meta"),
    ('{"not":' * 5000 + "{}" + "}" * 5000, "recursion"),
    ('{"not":' * 500 + "{}" + "}" * 500, "recursion limit"),
    (" " * 70_000, "64 KiB"),
    (json.dumps(EXPLODES), "too much time or memory"),
)
"""What is no schema, and what is said of it."""


def test_what_is_no_schema_is_refused_before_anything_begins(tmp_path: Path) -> None:
    cli = Asking(tmp_path, "", FITS)
    for schema, words in NONE:
        (cli.work / "schema.json").write_text(schema)
        done = cli.ask()
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr
    assert cli.run("sessions").stdout == "no sessions yet\n"


def test_no_reference_is_followed_to_a_file_or_a_server(tmp_path: Path) -> None:
    (tmp_path / "true.json").write_text("true")
    with closing(create_server(("127.0.0.1", 0))) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/true.json"
        for number, ref in enumerate((url, (tmp_path / "true.json").as_uri())):
            cli = Asking(tmp_path / str(number), {"properties": {"a": {"$ref": ref}}}, FITS)
            done = cli.ask()
            assert (done.returncode, done.stdout) == (2, "")
            assert "nothing is fetched" in done.stderr
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"properties": {"name": {"pattern": "^(a*)*\\1$"}}}, "a pattern takes too long"),
        ({"properties": {"name": {"$ref": "#/$defs/a0"}}, "$defs": EXPLODES["$defs"]}, "too much"),
    ],
)
def test_a_schema_that_explodes_on_an_answer_ends_in_a_message(
    tmp_path: Path, schema: Any, words: str
) -> None:
    answer = {"text": json.dumps({"name": "a" * 60 + "!"})}
    cli = Asking(tmp_path, schema, answer)
    done = cli.ask()
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert len(cli.prompts()) == 1


@pytest.mark.parametrize("text", ['{"name": "x"} and more', '{"name": NaN}', "[" * 100_000])
def test_what_is_not_one_document_is_corrected(tmp_path: Path, text: str) -> None:
    done = Asking(tmp_path, NAMED, {"text": text}, FITS).ask()
    assert done.stdout == '{"name":"x"}\n'
