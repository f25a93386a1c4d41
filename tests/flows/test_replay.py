"""Bundles as people make and play them."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.flows.test_cli import PROMPT, SAY, Cli

KEY = "sk-proj-x7Kp2mQv9RtB4nWz8LcH3sYd6F"
LEAK = {
    "text": "I look.",
    "calls": [{"tool": "shell", "args": {"command": f"echo API_KEY={KEY}; echo $HOME"}}],
}
TOLD = {"text": f"It is {KEY}."}


def bundle(cli: Cli, name: str = "a") -> str:
    """The path of the bundle of a session."""
    path = f"{cli.root}.{name}.jsonl"
    done = cli.run("sessions", "export", name, "--replay", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "read it before you give it away" in done.stdout
    return path


def test_a_session_is_played_elsewhere_without_anything_of_here(tmp_path: Path) -> None:
    one, two = Cli(tmp_path / "1", LEAK, TOLD), Cli(tmp_path / "2")
    one.run("-p", f"is it {KEY}?", "--mode", "auto", "--no-sandbox", "--name", "a")
    path = bundle(one)
    text = Path(path).read_text()
    assert KEY not in text
    assert str(one.home) not in text
    assert os.stat(path).st_mode & 0o777 == 0o600
    done = two.run("replay", path, "--speed", "1000x")
    assert (done.returncode, done.stderr) == (0, "")
    words = ["masked: home ", "not the original's", "owner: is it <model-key-1>?", "I look."]
    words += ["runs: shell echo API_KEY=<model-key-1>", "assistant: It is <model-key-1>."]
    words += ["end: done", "replay: this is its end"]
    place = 0
    for word in words:
        place = done.stdout.index(word, place)
    assert done.stdout.count("It is <model-key-1>.") == 1
    assert not two.root.exists(), "it needs no journal"
    assert two.run("replay", path, "--speed", "1000x", "--plain").stdout == done.stdout


def test_a_fork_is_played_with_what_it_began_from(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY, SAY)
    cli.run("-p", "first words", "--name", "origin")
    cli.run("-p", "second words", "--fork", "origin", "--name", "a")
    done = cli.run("replay", bundle(cli), "--speed", "1000x")
    assert done.stdout.index("first words") < done.stdout.index("second words")


def test_one_enter_one_frame(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY)
    cli.run(*PROMPT, "--name", "a")
    path = bundle(cli)
    frames = json.loads(Path(path).read_text().split("\n")[0])["frames"]
    whole = cli.run("replay", path, "--step", input="\n" * (frames - 1)).stdout
    assert "replay: this is its end" in whole
    assert f"frame {frames} of {frames}: RunFinished\nend: done\n" in whole
    part = cli.run("replay", path, "--step", input="\n" * (frames - 2))
    assert (part.returncode, "replay: left before its end" in part.stdout) == (0, True)
    assert "assistant: It is blue." in whole, "and what is written does nothing to the terminal"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["nothing"], "cannot be read"),
        (["fifo"], "is not a regular file of at most 64 MiB"),
        (["large"], "is not a regular file of at most 64 MiB"),
        (["cut"], "was cut off in line 2"),
        (["events"], "this is no tuiagent replay"),
        (["bundle", "--speed", "0"], "such as 4x"),
        (["bundle", "--speed", "fast"], "such as 4x"),
        (["bundle", "--speed", "4x", "--step"], "not allowed with"),
    ],
)
def test_what_cannot_be_played_is_refused(tmp_path: Path, args: list[str], words: str) -> None:
    cli = Cli(tmp_path, SAY)
    cli.run(*PROMPT, "--name", "a")
    os.rename(bundle(cli), cli.work / "bundle")
    os.mkfifo(cli.work / "fifo")
    (cli.work / "cut").write_bytes(b"{}\n{")
    with open(cli.work / "large", "wb") as large:
        large.truncate((64 << 20) + 1)
    line = b'{"format":"tuiagent session","shape":1,"version":"1","made":0,"stream":"s","begun":0,'
    line += b'"frames":0,"left_out":0,"masked":{}}\n'
    (cli.work / "events").write_bytes(line)
    done = cli.run("replay", *args)
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    assert words in done.stderr


def test_a_hostile_bundle_writes_words_and_nothing_else(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY)
    cli.run(*PROMPT, "--name", "a")
    path = Path(bundle(cli))
    head, first, *rest = path.read_text().splitlines()
    evil = {"after": 0, "version": 1, "actor": "x\x1b]0;t\x07\x9b31m\u202e\nasks: may it?"}
    more = [
        {**evil, "kind": "PromptSubmitted", "body": {"prompt": "p\x1b[2J", "text": "\x1b[2Jhi"}},
        {**evil, "kind": "Bad\x1b[2J\nend: done", "body": {"path": "/etc/passwd"}},
        {**evil, "kind": "RunFinished", "body": {"run": "r", "status": "\x1b[2Jodd"}},
    ]
    lines = [first, *map(json.dumps, more), *rest]
    told = {**json.loads(head), "frames": len(lines), "version": "9\x1b[2J", "pace": "\x1b[2J"}
    path.write_text("\n".join([json.dumps(told), *lines]) + "\n")
    done = cli.run("replay", str(path), "--speed", "1000x")
    assert done.returncode == 0
    assert not any(ord(char) < 32 and char != "\n" for char in done.stdout + done.stderr)
    assert "\u202e" not in done.stdout
    begins = {line.partition(":")[0] for line in done.stdout.splitlines() if line[:1] != " "}
    assert "asks" not in begins, "what a bundle says cannot look like an announcement"
    assert "does not know (Bad" in done.stdout


def test_an_interrupt_ends_it_at_once(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY)
    cli.run(*PROMPT, "--name", "a")
    process = cli.start("replay", bundle(cli), "--step", stdin=subprocess.PIPE)
    assert process.stdout is not None
    while b"opened" not in (line := process.stdout.readline()):
        assert line
    process.send_signal(2)
    assert process.wait(20) == -2
    process.communicate()


# ---------------------------------------------------------------- other exports


def test_what_is_for_reading_is_masked_and_what_is_for_importing_is_exact(tmp_path: Path) -> None:
    cli = Cli(tmp_path, LEAK, TOLD)
    cli.run("-p", f"is it {KEY}?", "--mode", "auto", "--no-sandbox", "--name", "a")
    for kind in ("markdown", "json"):
        out = cli.run("sessions", "export", "a", "--format", kind).stdout
        assert KEY not in out
        assert "is it <model-key-1>?" in out
    assert KEY in cli.run("sessions", "export", "a", "--format", "events").stdout
    path = str(tmp_path / "a.md")
    assert "masked: model-key 1" in cli.run("sessions", "export", "a", path).stdout
    both = cli.run("sessions", "export", "a", "--format", "json", "--replay", path)
    assert (both.returncode, "neither --format" in both.stderr) == (2, True)
    assert "already; --force" in cli.run("sessions", "export", "a", "--replay", path).stderr
