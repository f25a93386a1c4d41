"""The engine is killed while a hook runs, and while a server works."""

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lending import HERE, say, tool
from tests.life import Life, until
from tuiagent.kernel import call as calls
from tuiagent.kernel.hooks import HookRan
from tuiagent.kernel.run import ReplyReceived

COMMAND = "echo ran >>effects"
ANSWER = "All of it is done."


def shell() -> list[dict[str, Any]]:
    return [{"calls": [{"tool": "shell", "args": {"command": COMMAND}}]}, {"text": ANSWER}]


@pytest.mark.parametrize("event", ["UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop"])
def test_a_hook_ends_with_its_engine_and_is_run_again(tmp_path: Path, event: str) -> None:
    life = Life(tmp_path, shell())
    waits = "sleep 600 & until [ -e go ]; do sleep 0.02; done; kill $!"
    hook = f"echo begun >>ran; {waits}; echo over >>ran"
    file = life.home / ".config/tuiagent/hooks.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"hooks": {event: [{"hooks": [{"command": hook}]}]}}))
    first = life.go()
    until(lambda: life.ran() == ["begun"], "the hook to begin")
    assert life.left()
    first.kill()
    assert life.ended(first) == -signal.SIGKILL
    until(lambda: not life.left(), "the hook's end, as nobody is there any more")
    (life.work / "go").touch()
    life.finish()
    found = life.check()
    assert life.ran() == ["begun", "begun", "over"]
    assert [one.observation.status for one in found.values()] == ["ok"]
    assert (life.work / "effects").read_text() == "ran\n"
    kinds = [event.fact for event in life.events()]
    assert sum(isinstance(fact, ReplyReceived) for fact in kinds) == 2
    assert not [fact for fact in kinds if isinstance(fact, HookRan)], "it had nothing to say"


@pytest.mark.parametrize(
    ("hints", "status", "calls_made"),
    [({}, "unknown", 1), ({"idempotentHint": True}, "ok", 2), ({"readOnlyHint": True}, "ok", 2)],
)
def test_what_a_server_was_doing_is_told_truly(
    tmp_path: Path, hints: dict[str, bool], status: str, calls_made: int
) -> None:
    effects = tmp_path / "called"
    turns = [{"calls": [{"tool": "one__wait", "args": {"path": str(effects)}}]}, {"text": ANSWER}]
    life = Life(tmp_path, turns)
    listed = tmp_path / "listed.json"
    say(listed, [tool("wait", annotations=hints)])
    words = json.dumps([str(HERE / "plain_server.py"), str(listed)])
    file = life.home / ".config/tuiagent/config.toml"
    file.parent.mkdir(parents=True)
    server = f'[mcp.one]\ncommand = "{sys.executable}"\nargs = {words}\n'
    file.write_text(f'allow = ["one__*"]\n{server}')
    tested = life.start("mcp", "test", "one")
    assert tested.communicate(timeout=60)[1] == b""
    assert tested.returncode == 0
    first = life.go()
    until(effects.exists, "the server to begin")
    first.kill()
    assert life.ended(first) == -signal.SIGKILL
    until(lambda: not servers(listed), "the server's end")
    (tmp_path / "go").touch()
    life.finish()
    (ended,) = life.check().values()
    assert ended.observation.status == status
    assert effects.read_text().count("called") == calls_made
    started = [e.fact for e in life.events() if isinstance(e.fact, calls.CallStarted)]
    assert len(started) == calls_made
    if status == "unknown":
        assert "the process ended while one worked" in ended.observation.text


def servers(listed: Path) -> list[int]:
    """The processes of the server that tells these tools."""
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(listed).encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found
