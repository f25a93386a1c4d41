"""A key that somebody says is kept, and shown nowhere: neither in prompts nor as a reply comes."""

from pathlib import Path

import pytest

from tests.flows.test_secrecy import KEY
from tests.house import call, say
from tests.screens.kit import KINDS, screen
from tuiagent.kernel.call import AnswerApproval


@pytest.mark.parametrize("kind", KINDS)
async def test_no_screen_shows_a_key_that_was_said(tmp_path: Path, kind: str) -> None:
    turns = [call("shell", command=f"echo {KEY}"), say("It is ", KEY[:3], KEY[3:], ", all of it.")]
    async with screen(tmp_path, turns, kind=kind, mode="ask") as it:
        it.means.secrets = {KEY}
        await it.app.desk.begin(f"my key is {KEY}")
        asked = await it.until("a key stands in the arguments")
        assert KEY not in asked
        assert "my key is <key>" in asked
        (row,) = (await it.client.read("inbox")).data
        await it.client.submit(AnswerApproval(row["stream"], row["call"], row["digest"], True))
        ended = await it.until("all of it.")
        assert "It is <key>, all of it." in ended
        assert KEY not in ended
        await it.press("alt+s")
        await it.settle()
        assert KEY not in it.shown
