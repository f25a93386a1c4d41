"""Hooks in a session: what they are told, and what their answers do."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from tests.house import STREAM, Fakes, call, engine, facts, opened, prompt, say, until
from tuiagent.kernel.call import AnswerApproval, CallDeferred, CallFinished, CallJudged, CallStarted
from tuiagent.kernel.hooks import HookRan
from tuiagent.kernel.message import Prompt, Text
from tuiagent.kernel.run import AttemptStarted, ReplyReceived, RunFinished
from tuiagent.kernel.session import ChangeMode
from tuiagent.kernel.standing import Standing
from tuiagent.library.shelf import Shelf
from tuiagent.library.trust import brought
from tuiagent.stores.memory import MemoryStore


def hooked(folder: Path, event: str, command: str, matcher: str = "", **more: Any) -> None:
    """One's own hook for an event."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    path = home / "hooks.json"
    table = json.loads(path.read_text()) if path.exists() else {"hooks": {}}
    group = {"matcher": matcher, "hooks": [{"type": "command", "command": command, **more}]}
    table["hooks"].setdefault(event, []).append(group)
    path.write_text(json.dumps(table))


def words(sent: Prompt) -> str:
    """All that people, hooks and tools said in a prompt."""
    said = [m for m in sent.messages if m.role != "assistant"]
    return "\n".join(b.text for m in said for b in m.blocks if isinstance(b, Text))


async def test_a_hook_refuses_a_call_and_is_told_what_it_is(tmp_path: Path) -> None:
    guard = f"cat >{tmp_path}/told; echo 'no writing here' >&2; exit 2"
    hooked(tmp_path, "PreToolUse", guard, "Edit|Write")
    means = Fakes(tmp_path, [call("write", path="a", content="x"), say("well")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        seen = await until(client, RunFinished)
    (judged,) = facts(seen, CallJudged)
    assert (judged.verdict.decision, judged.verdict.gate) == ("deny", "hook")
    assert judged.hooks[0].reason == "no writing here"
    assert not facts(seen, CallStarted)
    assert "no writing here" in words(means.prompts[1])
    told = json.loads((tmp_path / "told").read_text())
    path = str(tmp_path / "work/a")
    assert told["tool_name"] == "Write"
    assert told["tool_input"] == {"path": "a", "content": "x", "file_path": path}
    assert (told["hook_event_name"], told["cwd"]) == ("PreToolUse", str(tmp_path / "work"))


async def test_a_hook_that_would_allow_allows_nothing(tmp_path: Path) -> None:
    yes = '{"decision": "approve", "hookSpecificOutput": {"permissionDecision": "allow"}}'
    hooked(tmp_path, "PreToolUse", f"echo '{yes}'")
    means = Fakes(tmp_path, [call("write", path="a", content="x"), say("well")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path, "ask")
        await prompt(client)
        (judged,) = facts(await until(client, CallJudged), CallJudged)
        assert judged.verdict.decision == "ask"


async def test_a_hook_asks_and_a_person_answers_once(tmp_path: Path) -> None:
    ask = '{"hookSpecificOutput": {"permissionDecision": "ask"}}'
    hooked(tmp_path, "PreToolUse", f"echo run >>{tmp_path}/runs; echo '{ask}'", "write")
    means = Fakes(tmp_path, [call("write", path="a", content="x"), say("well")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path, "accept-edits")
        await prompt(client)
        (judged,) = facts(await until(client, CallJudged), CallJudged)
        assert judged.verdict.gate == "hook"
        await client.submit(AnswerApproval(STREAM, judged.call, judged.digest, True))
        seen = await until(client, RunFinished)
    assert facts(seen, CallFinished)[0].observation.status == "ok"
    assert (tmp_path / "runs").read_text() == "run\n"


@pytest.mark.parametrize(
    ("command", "more", "gate", "why"),
    [
        ("sleep 600", {"timeout": 1}, "hook", "longer than 1 s"),
        ("exit 7", {}, "mode", "exit 7"),
        ("/nowhere/hook", {}, "mode", "exit 127"),
    ],
)
async def test_a_failing_hook_is_seen(
    tmp_path: Path, command: str, more: dict[str, Any], gate: str, why: str
) -> None:
    """One that fails is told of; one that never answers might have refused: a person is asked."""
    hooked(tmp_path, "PreToolUse", command, **more)
    means = Fakes(tmp_path, [call("write", path="a", content="x"), say("well")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path, "accept-edits")
        await prompt(client)
        seen = await until(client, CallJudged if gate == "hook" else RunFinished)
    (judged,) = facts(seen, CallJudged)
    assert judged.verdict.gate == gate
    assert why in judged.hooks[0].reason
    if gate != "hook":
        assert why in facts(seen, HookRan)[0].rulings[0].reason


async def test_a_hook_stops_the_run(tmp_path: Path) -> None:
    hooked(tmp_path, "PreToolUse", """echo '{"continue": false, "stopReason": "enough"}'""")
    means = Fakes(tmp_path, [call("write", path="a", content="x"), say("never")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        seen = await until(client, RunFinished)
    assert len(facts(seen, CallFinished)) == 1
    assert not (tmp_path / "work/a").exists()
    assert len(means.prompts) == 1


async def test_a_prompt_is_refused_or_gets_more_words(tmp_path: Path) -> None:
    hooked(
        tmp_path,
        "UserPromptSubmit",
        'case "$(cat)" in *secret*) echo "no secrets" >&2; exit 2;; *) echo "it is Monday";; esac',
    )
    means = Fakes(tmp_path, [say("well")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client, "a secret")
        (ended,) = facts(await until(client, RunFinished), RunFinished)
        assert (ended.status, "no secrets" in ended.error) == ("refused", True)
        assert means.prompts == []
        await prompt(client, "hello", "p2")
        await until(client, RunFinished, count=2)
    assert "it is Monday" in words(means.prompts[0])
    assert "a secret" not in words(means.prompts[0])


async def test_hooks_have_a_run_go_on_but_not_for_ever(tmp_path: Path) -> None:
    hooked(tmp_path, "Stop", f"cat >>{tmp_path}/told; echo 'run the tests' >&2; exit 2")
    number = iter(range(100))
    means = Fakes(tmp_path, lambda sent: say(f"done {next(number)}"))
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        seen = await until(client, RunFinished)
    assert facts(seen, RunFinished)[0].status == "done"
    assert len(facts(seen, ReplyReceived)) == 6
    assert words(means.prompts[1]).count("run the tests") == 1
    told = [json.loads(line) for line in (tmp_path / "told").read_text().splitlines()]
    assert [one["stop_hook_active"] for one in told] == [False, *[True] * 5]


async def test_what_came_of_a_call_is_told_and_answered(tmp_path: Path) -> None:
    hooked(tmp_path, "PostToolUse", f"cat >{tmp_path}/told; echo 'lint: x' >&2; exit 2", "Bash")
    hooked(tmp_path, "SessionStart", "echo 'mind the gap'", "startup")
    means = Fakes(tmp_path, [call("shell", command="echo out; exit 3"), say("well")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        seen = await until(client, RunFinished)
    told = json.loads((tmp_path / "told").read_text())
    assert told["tool_response"]["status"] == "error"
    assert told["tool_input"]["command"] == "echo out; exit 3"
    assert "mind the gap" in words(means.prompts[0])
    assert "lint: x" in words(means.prompts[1])
    assert len(facts(seen, HookRan)) == 2


async def test_a_session_that_is_left_at_rest_has_ended(tmp_path: Path) -> None:
    hooked(tmp_path, "SessionEnd", f"cat >>{tmp_path}/told; echo 'could not tidy' >&2; exit 1")
    store = MemoryStore()
    turns = [say("well"), call("ask", question="Which?"), say("never")]
    async with engine(Fakes(tmp_path, turns), store) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        await until(client, RunFinished)
    told = json.loads((tmp_path / "told").read_text())
    assert (told["hook_event_name"], told["reason"]) == ("SessionEnd", "other")
    store.drop("o1")
    async with engine(Fakes(tmp_path, turns), store, "o2") as made:
        client = made.seat()
        await made.adopt(STREAM)
        await prompt(client, "again", "p2")
        seen = await until(client, CallDeferred)
        assert facts(seen, HookRan)[0].rulings[0].reason.endswith("could not tidy")
    assert (tmp_path / "told").read_text().count("SessionEnd") == 1, "it waits: it has not ended"


async def test_a_verdict_is_kept_over_a_restart(tmp_path: Path) -> None:
    ask = '{"hookSpecificOutput": {"permissionDecision": "ask"}}'
    hooked(tmp_path, "PreToolUse", f"echo run >>{tmp_path}/runs; echo '{ask}'")
    turns = [call("write", path="a", content="x"), say("well")]
    store = MemoryStore()
    async with engine(Fakes(tmp_path, turns), store) as made:
        client = made.seat()
        await opened(client, tmp_path, "accept-edits")
        await prompt(client)
        await until(client, CallJudged)
        await client.submit(ChangeMode(STREAM, "ask"))  # it is judged anew
        await until(client, CallJudged, count=2)
    store.drop("o1")
    async with engine(Fakes(tmp_path, turns), store, "o2") as made:
        client = made.seat()
        await made.adopt(STREAM)
        judged = facts(await until(client, CallJudged), CallJudged)[-1]
        await client.submit(AnswerApproval(STREAM, judged.call, judged.digest, True))
        await until(client, RunFinished)
    assert (tmp_path / "runs").read_text() == "run\n"


async def test_one_changed_file_after_another_is_told(tmp_path: Path) -> None:
    """A patch of two files is two questions: a hook that guards the second sees it."""
    guard = 'case "$(cat)" in *\\"file_path\\"*/b\\"*) echo "b is mine" >&2; exit 2;; esac'
    hooked(tmp_path, "PreToolUse", guard, "Edit")
    patch = "--- /dev/null\n+++ b/a\n@@ -0,0 +1 @@\n+x\n--- /dev/null\n+++ b/b\n@@ -0,0 +1 @@\n+x\n"
    means = Fakes(tmp_path, [call("patch", patch=patch), say("well")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        seen = await until(client, RunFinished)
    (judged,) = facts(seen, CallJudged)
    assert judged.claims.writes[0].endswith("/a")
    assert "b is mine" in judged.verdict.reason


async def test_skills_and_folders_are_told_once(tmp_path: Path) -> None:
    work = tmp_path / "work"
    (work / "sub").mkdir(parents=True)
    (work / "sub/AGENTS.md").write_text("Tabs in sub.")
    (work / "sub/x").write_text("x")
    (work / ".agents/skills").mkdir(parents=True)
    (work / ".agents/skills/care.md").write_text("# Care\n\nTake care.\n")
    read = call("read", path="sub/x")
    turns = [read, say("one"), read, say("two")]
    means = Fakes(tmp_path, turns)
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client, "do it with #care, not #nothing")
        await until(client, RunFinished)
        await prompt(client, "again with #care", "p2")
        seen = await until(client, RunFinished, count=2)
    assert "Take care." in words(means.prompts[0])
    assert "Tabs in sub." not in words(means.prompts[0])
    assert words(means.prompts[-1]).count("Tabs in sub.") == 1
    assert words(means.prompts[-1]).count("Take care.") == 1
    assert "Tabs in sub." in words(means.prompts[1])
    assert len(facts(seen, AttemptStarted)) == 4
    grown = [sent.messages for sent in means.prompts]
    for before, after in itertools.pairwise(grown):
        assert after[: len(before)] == before


async def test_what_does_not_count_is_told_once(tmp_path: Path) -> None:
    yes = '{"hookSpecificOutput": {"permissionDecision": "allow", "updatedInput": {"path": "b"}}}'
    hooked(tmp_path, "PreToolUse", f"echo '{yes}'", "Write", **{"if": "Write(a)"})
    hooked(tmp_path, "PermissionRequest", "exit 2")
    turns = [call("write", path="a", content="x"), call("write", path="c", content="x"), say("ok")]
    means = Fakes(tmp_path, turns)
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path, "accept-edits")
        await prompt(client)
        seen = await until(client, RunFinished)
    said = [one for fact in facts(seen, HookRan) for one in fact.rulings]
    assert [(Path(one.source).name, one.unheard) for one in said] == [
        ("hooks.json", ("`if` of PreToolUse: it runs each time", "hooks of PermissionRequest")),
        ("hooks.json", ("allow", "updatedInput")),
    ]
    assert (tmp_path / "work/a").read_text() == "x"
    assert not (tmp_path / "work/b").exists()
    assert "updatedInput" not in "".join(map(words, means.prompts))


async def test_ones_own_file_that_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/hooks.json").write_text('{"hooks": ')
    async with engine(Fakes(tmp_path, [say("well")])) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        seen = await until(client, RunFinished)
    (ran,) = facts(seen, HookRan)
    assert ran.rulings[0].unheard[0].startswith("cannot be read")


async def test_a_guard_of_the_shell_sees_every_tool_that_runs_commands(tmp_path: Path) -> None:
    guard = f"cat >>{tmp_path}/told; echo 'no commits here' >&2; exit 2"
    hooked(tmp_path, "PreToolUse", guard, "Bash")
    means = Fakes(tmp_path, [call("git_commit", message="one"), say("well")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path, "auto")
        await prompt(client)
        seen = await until(client, RunFinished)
    assert facts(seen, CallJudged)[0].verdict.gate == "hook"
    told = json.loads((tmp_path / "told").read_text())
    assert (told["tool_name"], told["tool"]) == ("Bash", "git_commit")
    assert told["tool_input"]["command"].startswith("git commit ")
    assert "--message=one" in told["tool_input"]["command"]


async def test_what_a_hook_is_given(tmp_path: Path) -> None:
    """Each field that the format names and that there is here."""
    keep = f'(cat; echo) >>{tmp_path}/told; echo "$CLAUDE_PROJECT_DIR" >>{tmp_path}/where'
    for event in ("SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop"):
        hooked(tmp_path, event, keep)
    (tmp_path / "work").mkdir()
    (tmp_path / "work/a").write_text("one")
    means = Fakes(tmp_path, [call("edit", path="a", old="one", new="two"), say("well")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client, "go")
        await until(client, RunFinished)
    rows = [json.loads(line) for line in (tmp_path / "told").read_text().splitlines() if line]
    told = {row["hook_event_name"]: row for row in rows}
    work = str(tmp_path / "work")
    for row in told.values():
        assert (row["session_id"], row["cwd"], row["prompt_id"]) == ("s1", work, "p1")
        assert row["permission_mode"] == "bypassPermissions"
    assert told["SessionStart"]["source"] == "startup"
    assert told["SessionStart"]["model"]
    assert told["UserPromptSubmit"]["prompt"] == "go"
    args = told["PreToolUse"]["tool_input"]
    assert args["file_path"] == f"{work}/a"
    assert (args["old_string"], args["new_string"]) == ("one", "two")
    assert told["PostToolUse"]["tool_input"] == args
    assert told["PostToolUse"]["tool_use_id"] == told["PreToolUse"]["tool_use_id"]
    assert told["PostToolUse"]["tool_response"]["status"] == "ok"
    assert told["Stop"]["last_assistant_message"] == "well"
    assert set((tmp_path / "where").read_text().split()) == {work}


@pytest.mark.parametrize(
    ("event", "handler", "command", "timeout", "unheard"),
    [
        ("PreToolUse", {"command": "x y"}, "x y", 600.0, ()),
        ("PreToolUse", {"command": "x", "timeout": 5}, "x", 5.0, ()),
        ("UserPromptSubmit", {"command": "x"}, "x", 30.0, ()),
        ("PreToolUse", {"command": "x", "timeout": 9999}, "x", 600.0, ()),
        ("PreToolUse", {"command": "x", "once": True, "statusMessage": "s"}, "x", 600.0, ()),
        (
            "PreToolUse",
            {"command": "${CLAUDE_PROJECT_DIR}/a b.sh", "args": ["$(x)", "", "it's"]},
            "\"${CLAUDE_PROJECT_DIR}\"'/a b.sh' '$(x)' '' 'it'\"'\"'s'",
            600.0,
            (),
        ),
        ("PreToolUse", {"command": "x y", "args": []}, "'x y'", 600.0, ()),
        ("PreToolUse", {"command": "x", "if": "Bash(rm *)"}, "x", 600.0, ("`if` of PreToolUse",)),
        ("PreToolUse", {"command": "x", "async": True}, "x", 600.0, ("`async` of PreToolUse",)),
        ("PreToolUse", {"command": "x", "shell": "powershell"}, "", 0, ("PreToolUse hooks of p",)),
        ("PreToolUse", {"type": "http", "url": "http://x"}, "", 0, ("PreToolUse hooks of http",)),
        ("PreToolUse", {"type": "prompt", "prompt": "x"}, "", 0, ("PreToolUse hooks of prompt",)),
        ("PreToolUse", {"type": "mcp_tool", "tool": "x"}, "", 0, ("PreToolUse hooks of mcp",)),
        ("PermissionRequest", {"command": "x"}, "", 0, ("hooks of PermissionRequest",)),
    ],
)
def test_what_a_file_says_of_a_hook(
    tmp_path: Path,
    event: str,
    handler: dict[str, Any],
    command: str,
    timeout: float,
    unheard: tuple[str, ...],
) -> None:
    (tmp_path / "hooks.json").write_text(json.dumps({"hooks": {event: [{"hooks": [handler]}]}}))
    shelf = Shelf(str(tmp_path / "work"), str(tmp_path), "", Standing())
    found = [(hook.command, hook.timeout) for hook in shelf.hooks(event)]
    assert found == ([(command, timeout)] if command else [])
    said = [what for _, what in shelf.remarks()]
    assert len(said) == len(unheard)
    assert all(one.startswith(start) for one, start in zip(said, unheard, strict=True))


def test_matchers_count_where_there_is_something_to_match(tmp_path: Path) -> None:
    groups = {
        "SessionStart": [{"matcher": "startup|resume", "hooks": [{"command": "a"}]}],
        "SessionEnd": [{"matcher": "clear", "hooks": [{"command": "b"}]}],
        "Stop": [{"matcher": "(", "hooks": [{"command": "c"}]}],
    }
    path = tmp_path / "hooks.json"
    path.write_text(json.dumps({"hooks": groups}))
    shelf = Shelf(str(tmp_path / "work"), str(tmp_path), "", Standing())
    assert [len(shelf.hooks(event)) for event in groups] == [1, 0, 1]
    assert [what for _, what in shelf.remarks()] == ["SessionEnd hooks of clear"]
    path.write_text(json.dumps({"hooks": groups, "disableAllHooks": True}))
    assert [len(shelf.hooks(event)) for event in groups] == [0, 0, 0]


# ---------------------------------------------------------------- trust


def claude(folder: Path, command: str) -> Path:
    """A repository's hooks as Claude Code has them."""
    path = folder / "work/.claude/settings.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    group = {"hooks": [{"type": "command", "command": command}]}
    path.write_text(json.dumps({"hooks": {"PreToolUse": [group], "SessionStart": [group]}}))
    return path


async def ran(folder: Path, standing: Standing) -> bool:
    """Whether the repository's hook is run in a session that does something."""
    (folder / "ran").unlink(missing_ok=True)
    means = Fakes(folder, [call("write", path="a", content="x"), say("well")])
    means.standing = standing
    async with engine(means) as made:
        client = made.seat()
        await opened(client, folder)
        await prompt(client)
        await until(client, RunFinished)
    return (folder / "ran").exists()


async def test_a_repositorys_hooks_run_once_they_are_trusted_as_they_are(tmp_path: Path) -> None:
    path = claude(tmp_path, f'touch {tmp_path}/ran; "$CLAUDE_PROJECT_DIR"/check.sh')
    script = tmp_path / "work/check.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    work, standing = str(tmp_path / "work"), Standing()
    assert not await ran(tmp_path, standing)
    (row,) = brought(work, "", "", standing)
    assert row.state == "new"
    assert any("check.sh as it is now" in one for one in row.offer.runs)
    standing.trusted["hooks"][str(path)] = row.offer.sha256
    assert await ran(tmp_path, standing)
    script.write_text("#!/bin/sh\ntouch other\n")
    assert brought(work, "", "", standing)[0].state == "changed"
    assert not await ran(tmp_path, standing)
    standing.trusted["hooks"].clear()
    standing.refused["hooks"][str(path)] = brought(work, "", "", standing)[0].offer.sha256
    assert brought(work, "", "", standing)[0].state == "refused"
    assert not await ran(tmp_path, standing)


async def test_trust_of_a_folder_is_none_of_one_cloned_into_it(tmp_path: Path) -> None:
    path = claude(tmp_path, "true")
    inner = tmp_path / "work/vendor/evil"
    (inner / ".git").mkdir(parents=True)
    (inner / ".claude").mkdir()
    (inner / ".claude/settings.json").write_text(path.read_text())
    standing = Standing()
    (row,) = brought(str(tmp_path / "work"), "", "", standing)
    standing.trusted["hooks"][str(path)] = row.offer.sha256
    (other,) = brought(str(inner), "", "", standing)
    assert other.state == "new"
    assert Shelf(str(inner), "", "", standing).hooks("PreToolUse") == []


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"hooks": []}',
        '{"hooks": {"PreToolUse": [{"matcher": "(", "hooks": []}]}}',
        '{"hooks": {"PreToolUse": [{"hooks": [{"command": 7, "type": "command"}, {}]}]}}',
        '{"hooks": {"PreToolUse": [{"matcher": 7, "hooks": []}]}}',
        '{"hooks":' * 5000,
        " " * 300_000,
    ],
)
def test_a_file_that_holds_no_hooks_says_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / ".claude/settings.json"
    path.parent.mkdir()
    path.write_text(text)
    (row,) = brought(str(tmp_path), "", "", Standing())
    assert (row.state, row.offer.sha256) == ("broken", "")
    assert row.offer.problem
    assert Shelf(str(tmp_path), "", "", Standing()).hooks("PreToolUse") == []


def test_events_that_are_not_known_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / ".claude/settings.json"
    path.parent.mkdir()
    path.write_text('{"model": "x", "hooks": {"Notification": [{"hooks": [{"command": "x"}]}]}}')
    assert brought(str(tmp_path), "", "", Standing()) == []


async def test_a_key_in_what_a_hook_says_is_masked(tmp_path: Path) -> None:
    hooked(tmp_path, "UserPromptSubmit", "echo key canary-0123456789; true")
    hooked(tmp_path, "PreToolUse", "echo 'canary-0123456789 is wrong' >&2; exit 2")
    means = Fakes(tmp_path, [call("write", path="a", content="x"), say("well")])
    means.secrets = {"canary-0123456789"}
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        seen = await until(client, RunFinished)
    said = [one.rulings for one in facts(seen, HookRan)] + [
        one.hooks for one in facts(seen, CallJudged)
    ]
    assert "canary" not in str([[(r.reason, r.context) for r in rulings] for rulings in said])
    assert "<key> is wrong" in words(means.prompts[1])
    assert "key <key>" in words(means.prompts[0])
