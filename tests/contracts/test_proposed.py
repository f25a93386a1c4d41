"""What a call that waits would change is shown before it may, and nothing is touched."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.house import STREAM, Fakes, call, engine, facts, opened, prompt, say, until
from tuiagent.engine.engine import Engine
from tuiagent.engine.proposed import proposed
from tuiagent.kernel.call import CallJudged
from tuiagent.kernel.errors import Refused
from tuiagent.ports import Proposed
from tuiagent.providers.scripted import Turn


async def waits(made: Engine, folder: Path) -> CallJudged:
    """A call waits for a person."""
    await opened(made.seat(), folder, "ask")
    await prompt(made.seat())
    judged: CallJudged = facts(await until(made.seat(), CallJudged), CallJudged)[-1]
    return judged


async def asked(made: Engine, means: Fakes, name: str, stream: str = STREAM) -> Proposed:
    key = msgspec.json.encode({"session": stream, "call": name}).decode()
    return await proposed(made.journal, means, key)


CHANGES: dict[str, tuple[Turn, str]] = {
    "write": (call("write", path="f", content="one\nTWO\n"), "-two\n+TWO\n"),
    "edit": (call("edit", path="f", old="two", new="TWO"), "-two\n+TWO\n"),
    "delete": (call("delete", path="f"), "-one\n-two\n"),
    "new": (call("write", path="g", content="new\n"), "+new\n"),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_the_difference_is_what_will_be_done(tmp_path: Path, name: str) -> None:
    turn, wanted = CHANGES[name]
    means = Fakes(tmp_path, [turn, say("Done.")])
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "f").write_text("one\ntwo\n")
    async with engine(means) as made:
        judged = await waits(made, tmp_path)
        found = await asked(made, means, judged.call)
        assert found.digest == judged.digest
        (diff,) = found.diffs
        assert wanted in diff.unified
        assert (tmp_path / "work" / "f").read_text() == "one\ntwo\n"
        assert not (tmp_path / "work" / "g").exists()


async def test_a_file_that_moved_makes_another_digest(tmp_path: Path) -> None:
    means = Fakes(tmp_path, [call("write", path="f", content="x\n"), say("Done.")])
    async with engine(means) as made:
        judged = await waits(made, tmp_path)
        (tmp_path / "work" / "f").write_text("somebody else\n")
        found = await asked(made, means, judged.call)
        assert found.digest != judged.digest
        assert "-somebody else" in found.diffs[0].unified


async def test_what_cannot_be_done_says_why(tmp_path: Path) -> None:
    means = Fakes(tmp_path, [call("edit", path="f", old="nowhere", new="x"), say("Done.")])
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "f").write_text("one\n")
    async with engine(means) as made:
        judged = await waits(made, tmp_path)
        found = await asked(made, means, judged.call)
        assert "does not occur" in found.trouble
        assert not found.diffs


@pytest.mark.parametrize(
    ("turn", "name", "stream"),
    [
        (call("shell", command="touch x"), "", STREAM),
        (call("write", path="f", content="x"), "p9.1.1", STREAM),
        (call("write", path="f", content="x"), "", "session/none"),
    ],
)
async def test_anything_else_is_refused(tmp_path: Path, turn: Any, name: str, stream: str) -> None:
    means = Fakes(tmp_path, [turn, say("Done.")])
    async with engine(means) as made:
        judged = await waits(made, tmp_path)
        with pytest.raises(Refused):
            await asked(made, means, name or judged.call, stream)
