"""Looks at a git repository and commits; nothing that the repository configures is run."""

import os
import re
import shlex
from collections.abc import Sequence
from typing import Any

from msgspec import structs

from tuiagent.kernel import repository
from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.message import Command, Observation
from tuiagent.kernel.places import holds_keys, keyed
from tuiagent.kernel.repository import NAMES
from tuiagent.ports import Again, Execution, Kit, Note, OutcomeUnknown, Runtime, schema
from tuiagent.tools.arguments import check
from tuiagent.tools.search import FILES, walk

SECONDS = 60.0
SHOWN = 30_000
SHOW = ["show", "--stat", "--format=committed %h %s", "--no-ext-diff", "--no-textconv"]
ENVIRONMENT = " ".join(f"{name}={value}" for name, value in repository.ENVIRONMENT.items())


class GitTool:
    """What the git tools share."""

    name = ""
    effect = "read"
    description = ""
    parameters: dict[str, Any] = schema()

    def words(self, args: dict[str, Any]) -> list[str]:
        """What git is told. Raises ToolError."""
        raise NotImplementedError

    async def claims(self, args: dict[str, Any], runtime: Runtime) -> Claims:
        """The paths that are looked at."""
        check(args, self.parameters)
        paths = tuple(runtime.resolve(path) for path in _paths(args))
        subject = " ".join(["git", *self.words(args)])
        reads = paths or (runtime.folder,)
        return Claims(self.name, self.effect, subject, reads=reads, folder=runtime.folder)

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        """Where the execution is recorded."""
        return Note({"spool": await kit.runtime.prepare(kit.call)})

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        """What git says."""
        return await git(kit, note, [self.words(args)])

    async def settle(
        self, args: dict[str, Any], kit: Kit, note: Note
    ) -> Observation | Again | OutcomeUnknown:
        """Looking can be done again."""
        await kit.runtime.kill(note.data["spool"])
        return Again(await self.note(args, kit))


class Status(GitTool):
    """Which files are changed, staged or unknown to git."""

    name = "git_status"
    description = (
        "Show the branch and the changed, staged and untracked files; "
        f"{SHOWN:,} characters at most."
    )

    def words(self, args: dict[str, Any]) -> list[str]:
        """See GitTool."""
        return ["status", "--short", "--branch", "--untracked-files=normal"]


class DiffTool(GitTool):
    """What changed in files."""

    name = "git_diff"
    description = (
        "Show changes: of the working tree, with `staged` of what would be committed, with "
        "`ref` against a commit or range; of a `path`. Files that may hold keys are left out "
        f"unless `path` names one. {SHOWN:,} characters at most."
    )
    parameters = schema(staged={"type": "boolean"}, ref={"type": "string"}, path={"type": "string"})

    def words(self, args: dict[str, Any]) -> list[str]:
        """See GitTool."""
        words = ["diff", "--no-ext-diff", "--no-textconv"]
        words += ["--cached"] if args.get("staged") else []
        return [*words, "--end-of-options", *_ref(args), "--", *_literal(args)]

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        """What git says, without what nobody was asked about."""
        begins, words = await begun(kit), self.words(args)
        kept = (
            []
            if any(keyed(f"/{path}") for path in _paths(args))
            else await _kept(kit, begins, words)
        )
        away = [f":(top,exclude,literal){name}" for name in kept]
        found = await git(kit, note, [[*words, *away]], begins)
        if not kept:
            return found
        left = f"[left out, as they may hold keys: {', '.join(kept)}; `path` names one]"
        return structs.replace(found, text=f"{found.text}\n{left}")


class Log(GitTool):
    """Which commits there are."""

    name = "git_log"
    description = (
        "Show commits, newest first: `limit` of them (default 20), of a `path` or `ref`; "
        f"{SHOWN:,} characters at most."
    )
    parameters = schema(
        limit={"type": "integer", "minimum": 1},
        ref={"type": "string"},
        path={"type": "string"},
    )

    def words(self, args: dict[str, Any]) -> list[str]:
        """See GitTool."""
        form = "--format=%h %ad %an: %s"
        limit = f"--max-count={min(200, args.get('limit', 20))}"
        words = ["log", limit, form, "--date=short", "--no-ext-diff", "--no-textconv"]
        return [*words, "--end-of-options", *_ref(args), "--", *_literal(args)]


class Commit(GitTool):
    """Commits files; no hook runs, nothing is signed."""

    name = "git_commit"
    effect = "execute"
    description = (
        "Commit `paths` (files or folders, also new and deleted ones), or with none what is "
        "staged, under `message`. Hooks do not run; it may take 60 s."
    )
    parameters = schema(("message",), message={"type": "string"}, paths={"type": "array"})

    def words(self, args: dict[str, Any]) -> list[str]:
        """See GitTool."""
        if not args["message"].strip():
            raise ToolError("the message is empty")
        return ["commit", "--no-verify", "--quiet", f"--message={args['message']}"]

    async def claims(self, args: dict[str, Any], runtime: Runtime) -> Claims:
        """The paths that are committed; what is staged when none is named."""
        check(args, self.parameters)
        words = ("git", *self.words(args), "--", *_paths(args))
        paths = tuple(runtime.resolve(path) for path in _paths(args))
        found = [*paths, *[key for path in paths for key in await _keys(runtime, path)]]
        return Claims(
            self.name,
            self.effect,
            args["message"].splitlines()[0],
            mentions=tuple(found),
            commands=(words,),
            folder=runtime.folder,
        )

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        """Which commit is the newest before."""
        spool = await kit.runtime.prepare(kit.call)
        head = await git(kit, Note({"spool": spool}), [["rev-parse", "--verify", "HEAD"]])
        await kit.runtime.discard(spool)
        before = head.text if head.status == "ok" else ""
        return Note({"spool": await kit.runtime.prepare(kit.call), "head": before})

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        """Commits, and says what was committed."""
        paths = ["--", *_literal(args)] if _paths(args) else []
        add = [["add", "--all", *paths]] if paths else []
        return await git(kit, note, [*add, [*self.words(args), *paths], SHOW])

    async def settle(
        self, args: dict[str, Any], kit: Kit, note: Note
    ) -> Observation | Again | OutcomeUnknown:
        """Whether there is a new commit with this message."""
        await kit.runtime.kill(note.data["spool"])
        again = await self.note(args, kit)
        if again.data["head"] == note.data["head"]:
            return Again(again)
        message = await git(kit, again, [["log", "--max-count=1", "--format=%B"]])
        if message.text.strip() == args["message"].strip():
            return await git(kit, await self.note(args, kit), [SHOW])
        return OutcomeUnknown("somebody committed meanwhile; look at git_log")


async def git(
    kit: Kit, note: Note, steps: Sequence[Sequence[str]], begins: str = ""
) -> Observation:
    """Runs git commands, each of which `begins` so, until one fails. Raises ToolError."""
    begins = begins or await begun(kit)
    command = " && ".join(f"{begins} {shlex.join(words)}" for words in steps)
    runtime, spool = kit.runtime, note.data["spool"]
    ended = await runtime.exec(Execution(spool, command, SECONDS), lambda data: None)
    text = ended.output.decode("utf-8", "replace").strip("\n")
    if len(text) > SHOWN:
        text = text[:SHOWN] + f"\n… ({len(text) - SHOWN} more characters)"
    shown = " && ".join(shlex.join(["git", *words]) for words in steps)
    block = Command(shown, ended.code, round(ended.seconds, 3), ended.dropped)
    return Observation("error" if ended.code else "ok", text or "(nothing)", (block,))


async def begun(kit: Kit) -> str:
    """How every command of git begins here, so that it runs nothing else. Raises ToolError."""
    runtime = kit.runtime
    program = runtime.find("git")
    if not program:
        raise ToolError("there is no git on this machine's PATH")
    if program.startswith(runtime.folder.rstrip("/") + "/"):
        raise ToolError(f"{program} lies inside the session's folder and is not run")
    names = await _listed(kit, "config", f"{ENVIRONMENT} {shlex.join([program, *NAMES])}")
    return f"{ENVIRONMENT} {shlex.join([program, *repository.settings(names)])}"


async def _kept(kit: Kit, begins: str, words: Sequence[str]) -> list[str]:
    """The files of a difference that may hold keys."""
    verb, *rest = words
    command = f"{begins} {shlex.join([verb, '--name-only', '-z', '--no-renames', *rest])}"
    names = [os.fsdecode(name) for name in await _listed(kit, "names", command)]
    return [name for name in names if keyed(f"/{name}")]


async def _listed(kit: Kit, what: str, command: str) -> list[bytes]:
    """What a command lists, ended by NUL bytes."""
    spool = await kit.runtime.prepare(f"{kit.call}.{what}")
    try:
        ended = await kit.runtime.exec(Execution(spool, command, SECONDS), lambda data: None)
    finally:
        await kit.runtime.discard(spool)
    return ended.output.split(b"\0")


async def _keys(runtime: Runtime, path: str) -> list[str]:
    """The files of a folder that often hold keys, which nobody wants to commit unseen."""
    found: list[str] = []
    async for number, file in walk(runtime, path):
        if number > FILES:
            break
        if holds_keys(file.path):
            found.append(file.path)
    return found


def _paths(args: dict[str, Any]) -> list[str]:
    paths = args.get("paths", [args["path"]] if args.get("path") else [])
    if not all(isinstance(path, str) and path for path in paths):
        raise ToolError("the argument 'paths' must be a list of paths")
    return list(paths)


def _ref(args: dict[str, Any]) -> list[str]:
    """The commit or range, and never a file in one, whose path nobody would have judged."""
    ref = args.get("ref", "")
    if ref and not re.fullmatch(r"(?!-)[\w./@{}~^+-]+", ref):
        raise ToolError(f"{ref!r} does not name a commit; name a file by `path`")
    return [re.sub(r"(?<=[^.])(?=\.\.|$)", "^0", ref)] if ref else []


def _literal(args: dict[str, Any]) -> list[str]:
    """The paths, of which git would otherwise read some as patterns."""
    return [f":(literal){path}" for path in _paths(args)]
