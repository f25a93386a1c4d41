"""Runs the blocks of code in the guides: `python -m tests.scripts.blocks [TOPIC…]`, or from a test.

`sh` and `python` are run, one after the other, in one folder with a home of its own; a `text` block
that follows says what they print, with … for anything. `toml` is read as a config.toml, and
`json TYPE` as that type of the protocol. What cannot run says why: `sh no-run REASON`.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tuiagent import config_file
from tuiagent.clients.cli.docs import text, topics
from tuiagent.clients.cli.printers import Line
from tuiagent.clients.web.frames import Answer, Ask
from tuiagent.clients.web.shapes import Approval, Input, NewSession
from tuiagent.kernel.aggregates import codec
from tuiagent.kernel.replay import Frame, Header

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(.*)\n((?:(?!```).*\n)*)```$", re.MULTILINE)
KINDS = (Ask, Answer, Approval, Frame, Header, Input, Line, NewSession)
TYPES: dict[str, Any] = {kind.__name__: kind for kind in KINDS}
LIMIT = 60.0


class Block(NamedTuple):
    """One block of a guide."""

    topic: str
    line: int
    language: str
    words: str
    """What stands behind the language."""
    text: str
    expected: str
    """What it prints, with … for anything; "" where nothing is said about that."""

    @property
    def place(self) -> str:
        """Where it is."""
        return f"{self.topic}.md:{self.line}"

    @property
    def left_out(self) -> str:
        """Why it does not run; "" when it does."""
        word, _, reason = self.words.partition(" ")
        if word == "no-run" and not reason:
            raise AssertionError(f"{self.place}: say why it does not run")
        return reason if word == "no-run" else ""


class Result(NamedTuple):
    """What became of a block: "" when all is well."""

    block: Block
    wrong: str


def blocks(topic: str) -> list[Block]:
    """The blocks of a guide that are code; text and drawings are not."""
    page = text(topic)
    found = list(FENCE.finditer(page))
    assert page.count("\n```") == 2 * len(found), f"{topic}.md: a fence is not closed"
    made: list[Block] = []
    for number, match in enumerate(found):
        language, _, words = match[1].partition(" ")
        if language in ("text", "mermaid"):
            continue
        after = found[number + 1] if number + 1 < len(found) else None
        follows = after is not None and not page[match.end() : after.start()].strip()
        expected = after[2] if after is not None and follows and after[1] == "text" else ""
        line = page.count("\n", 0, match.start()) + 1
        made.append(Block(topic, line, language, words, match[2], expected))
    return made


def run(topic: str) -> list[Result]:
    """Runs the blocks of one guide."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        for name in ("home", "work", "bin"):
            (place / name).mkdir()
        program = place / "bin" / "tuiagent"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m tuiagent "$@"\n')
        program.chmod(0o755)
        (place / "bin" / "python").symlink_to(sys.executable)
        return [
            Result(block, "" if block.left_out else _ran(block, place)) for block in blocks(topic)
        ]


def _ran(block: Block, place: Path) -> str:
    """Runs one block; what is wrong."""
    if block.language == "toml":
        return _read(block, lambda: config_file.convert(msgspec.toml.decode(block.text)))
    if block.language == "json":
        return _read(block, lambda: _frame(block))
    if block.language not in ("sh", "python"):
        return f"{block.language!r} is no language that is run here; say text, or no-run REASON"
    env = {
        "TUIAGENT_PORT": "0",
        "PATH": f"{place}/bin:{os.environ['PATH']}",
        "HOME": str(place / "home"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
        "LANG": "C.UTF-8",
    }
    argv = ["sh", "-eu", "-c"] if block.language == "sh" else [sys.executable, "-c"]
    done = subprocess.run(
        [*argv, block.text],
        cwd=place / "work",
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
    )
    if done.returncode:
        return f"exit code {done.returncode}: {done.stdout}"
    pieces = [re.escape(piece) for piece in block.expected.strip().split("…")]
    if block.expected and not re.fullmatch(".*".join(pieces), done.stdout.strip(), re.DOTALL):
        return f"it printed:\n{done.stdout}"
    return ""


def _frame(block: Block) -> None:
    """Reads each line, or all of it, as what it says it is."""
    kind, known = TYPES[block.words], codec()
    for line in block.text.splitlines():
        found = msgspec.json.decode(line, type=kind)
        if not _within(msgspec.json.decode(line), msgspec.json.decode(msgspec.json.encode(found))):
            raise ValueError(f"{line}: {kind.__name__} has no such fields")
        if isinstance(found, Ask) and found.op == "submit":
            known.intent(bytes(found.intent))


def _within(given: Any, read: Any) -> bool:
    """Whether all that was given was read."""
    if isinstance(given, dict) and isinstance(read, dict):
        return all(key in read and _within(value, read[key]) for key, value in given.items())
    return isinstance(given, list | dict) or given == read


def _read(block: Block, reads: Any) -> str:
    try:
        reads()
    except Exception as error:
        return repr(error)
    return ""


def main(wanted: Sequence[str]) -> int:
    """Runs these guides, or all; says how many blocks ran, and which did not."""
    results = [result for topic in wanted or topics() for result in run(topic)]
    wrong = [result for result in results if result.wrong]
    left_out = [result.block for result in results if result.block.left_out]
    for result in wrong:
        print(f"{result.block.place}: {result.wrong}")
    print(f"{len(results) - len(left_out)} blocks ran, {len(wrong)} of them wrong")
    for block in left_out:
        print(f"not run: {block.place}: {block.left_out}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
