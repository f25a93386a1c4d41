"""What Kheish's documents print, run as it is printed, through real processes."""

import re
import shlex
import threading
import tomllib
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.flows.test_cli import Cli
from tuiagent.server import server_record

WALKS = tomllib.loads((Path(__file__).parent / "kheish.toml").read_text())["walk"]
KEY = "sk-canary-0123456789"
ANSWER = b"""\
data: {"choices":[{"index":0,"delta":{"content":"It is done."},"finish_reason":"stop"}]}

data: [DONE]

"""


class Model(BaseHTTPRequestHandler):
    """Answers whoever has the key with the same words."""

    def do_POST(self) -> None:
        """See BaseHTTPRequestHandler."""
        self.rfile.read(int(self.headers["Content-Length"]))
        knows = self.headers["Authorization"] == f"Bearer {KEY}"
        self.send_response(200 if knows else 401)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(ANSWER if knows else b"")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@contextmanager
def model() -> Generator[str]:
    """The URL of a model's server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def walked(cli: Cli, rows: list[dict[str, Any]]) -> int:
    """How many rows do as it is printed."""
    kept: dict[str, str] = {}

    def filled(text: str) -> str:
        for name, value in kept.items():
            text = text.replace(f"${name}", value)
        return text

    for row in rows:
        done = cli.run(*shlex.split(filled(row["say"])))
        told = f"{row['say']}\n{done.stdout}{done.stderr}"
        assert done.returncode == row.get("exit", 0), told
        assert re.search(filled(row.get("out", "")), done.stdout), told
        assert re.search(row.get("err", ""), done.stderr), told
        if "keep" in row:
            kept[row["keep"]] = done.stdout.strip()
    return len(rows)


@pytest.mark.parametrize("walk", WALKS, ids=[walk["name"] for walk in WALKS])
def test_documented_examples_run(
    tmp_path: Path, walk: dict[str, Any], record_property: Any
) -> None:
    cli = Cli(tmp_path)
    del cli.environ["TUIAGENT_MODEL"]
    with model() as url:
        if walk["key"]:
            cli.environ |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": url}
        try:
            ran = walked(cli, walk["row"])
        finally:
            if server_record(str(cli.root)):
                assert cli.run("serve", "--stop").returncode == 0
    record_property("documented examples that run", f"{ran} of {len(walk['row'])}")
    print(f"kheish, {walk['name']}: documented examples that run: {ran} of {len(walk['row'])}")
    for path in tmp_path.rglob("*"):
        known = path.is_file() and KEY.encode() in path.read_bytes()
        assert not known, f"{path} holds the key"
