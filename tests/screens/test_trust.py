"""The question whether a folder's files may have us run what they say, on the screen."""

import json
from pathlib import Path

from tests.house import call, say
from tests.screens.kit import screen
from tuiagent.clients.tui.prompt import Prompt
from tuiagent.clients.tui.screens.trust import Trust


def claude(folder: Path) -> Path:
    """A repository with hooks, a command of its own, and a skill."""
    path = folder / "work/.claude/settings.json"
    path.parent.mkdir(parents=True)
    group = {"hooks": [{"type": "command", "command": "touch ../ran\x1b[31m"}]}
    path.write_text(json.dumps({"hooks": {"PreToolUse": [group]}}))
    (path.parent / "commands").mkdir()
    (path.parent / "commands/fix.md").write_text("---\ndescription: Mend it\n---\nFix $1 now.")
    return path


async def test_what_would_run_is_shown_and_runs_after_a_yes_only(tmp_path: Path) -> None:
    path = claude(tmp_path)
    turns = [call("list"), say("one"), call("list"), say("two")]
    async with screen(tmp_path, turns) as it:
        shown = await it.until("Trust this folder?")
        assert "PreToolUse: touch ../ran" in shown
        assert "\x1b" not in shown
        question = it.app.screen
        assert isinstance(question, Trust)
        question.moment.clock = lambda: question.moment._since
        await it.press("y")
        assert isinstance(it.app.screen, Trust), "what was typed as it came up is no answer"
        assert not it.means.standing.trusted["hooks"]
        await it.press("escape")
        await it.type("go\n")
        await it.until("● one")
        assert not (tmp_path / "ran").exists()
        await it.type("/trust\n")
        await it.until("Trust this folder?")
        question = it.app.screen
        assert isinstance(question, Trust)
        await it.until(lambda: question.moment._what)
        question.moment.clock = lambda: question.moment._since + 1.0
        await it.press("y")
        await it.until(lambda: it.means.standing.trusted["hooks"].get(str(path)))
        await it.type("go\n")
        await it.until("two")


async def test_a_no_is_kept_and_not_asked_again(tmp_path: Path) -> None:
    path = claude(tmp_path)
    async with screen(tmp_path, [say("well")]) as it:
        await it.until("Trust this folder?")
        question = it.app.screen
        assert isinstance(question, Trust)
        await it.until(lambda: question.moment._what)
        question.moment.clock = lambda: question.moment._since + 1.0
        await it.press("n")
        await it.until(lambda: it.means.standing.refused["hooks"].get(str(path)))
        await it.app.action_trust("asked")
        assert not isinstance(it.app.screen, Trust)


async def test_a_command_of_ones_own_is_said(tmp_path: Path) -> None:
    commands = tmp_path / "work/.claude/commands"
    commands.mkdir(parents=True)
    (commands / "fix.md").write_text("---\ndescription: Mend it\n---\nFix $1 now.")
    async with screen(tmp_path, [say("well")]) as it:
        finder = it.app.query_one(Prompt).offers.finder
        assert finder is not None
        await it.until(lambda: finder.written)
        await it.type("/fi")
        assert "Mend it · project" in await it.until("/fix")
        await it.press("tab")
        await it.type(" 12\n")
        await it.until("Fix 12 now.")
        await it.until("well")
