"""What a shell command would touch, found without running anything."""

import os.path
import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from tuiagent.kernel import places, programs, wrappers
from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import ToolError
from tuiagent.ports import Runtime
from tuiagent.tools.bash import Line, Word, read
from tuiagent.tools.search import SKIPPED

NAMES = 2000
"""Names that the patterns of a command may stand for; with more it is asked about."""
FOLDERS = 64
"""Folders in which a command may find itself, by its `cd`s; with more it is refused."""
ENTRIES = 20_000
"""Entries of a folder that is read with all that is in it; with more it is asked about."""
PATHS = 100_000
"""Files that a command may name, in all folders together; with more it is refused."""
BUILTINS = frozenset("cd command echo false printf pwd test time true type [".split())
"""What the shell does itself."""
RUN = {"egrep": "grep", "fgrep": "grep"}
"""Known programs that run another one."""
MOVES = frozenset({"cd", "chdir", "pushd"})


class Unsure(Exception):
    """What a word stands for cannot be said for certain."""


async def claimed(tool: str, command: str, runtime: Runtime) -> Claims:
    """The command's argument lists, and the files that it reads, writes and mentions. Raises
    ToolError for one that nobody could follow."""
    line = read(command)
    rough = [tuple(word.text for word in words) for words in line.commands]
    bases = _bases(runtime, rough, line.joins)
    everywhere = _bases(runtime, line.inside, (";",))
    ends = (*everywhere[-1:], *bases[-1:], (runtime.folder,))
    anywhere = list(dict.fromkeys(base for group in ends for base in group))
    plain: list[tuple[str, ...]] = []
    files: list[str] = []
    mentions: list[str] = []
    why = line.why
    try:
        plain = await _expanded(runtime, line, bases)
        _settled(runtime, plain)
    except (Unsure, ToolError) as unsure:
        why = why or str(unsure)
    if not why:
        files += _resolved(runtime, anywhere, line.given)
    for argv, here in zip(plain, bases, strict=False):
        use = programs.reads(argv) if not why else None
        if use is None:
            mentions += _resolved(runtime, anywhere, _pathlike(argv[1:]))
            continue
        found = _resolved(runtime, here, use.files)
        files += found
        if use.deep:
            try:
                away, keys = await _below(runtime, found if use.files else here, use)
                files, mentions = files + away, mentions + keys
            except Unsure as unsure:
                why = str(unsure)
    words = (word for argv in line.inside if why or argv not in plain for word in argv[1:])
    mentions += _resolved(runtime, anywhere, dict.fromkeys(_pathlike(words)))
    return Claims(
        tool,
        "execute",
        command,
        reads=tuple(dict.fromkeys(files)),
        writes=tuple(dict.fromkeys(_resolved(runtime, anywhere, line.written))),
        mentions=tuple(dict.fromkeys(mentions)),
        commands=() if why else tuple(plain),
        inside=tuple(argv for argv in line.inside if why or argv not in plain),
        why=why,
        folder=runtime.folder,
    )


# ---------------------------------------------------------------- where a command runs


def _bases(
    runtime: Runtime, commands: Sequence[tuple[str, ...]], joins: Sequence[str]
) -> list[tuple[str, ...]]:
    """For each command, and for what comes after all, the folders in which it may run. Raises
    ToolError when there are too many."""
    here: tuple[str, ...] = (runtime.folder,)
    found: list[tuple[str, ...]] = [here]
    certain = set(joins) <= {"&&", "|"}
    for number, argv in enumerate(commands):
        around = {*joins[max(0, number - 1) : number + 1]}
        argv = wrappers.innermost(argv)
        if argv[0] in MOVES and len(argv) > 1:
            there = dict.fromkeys(p for base in here for p in _moved(runtime, base, argv[-1]))
            here = tuple(there if certain and "|" not in around else dict.fromkeys((*here, *there)))
            if len(here) > FOLDERS:
                raise ToolError(
                    "the command changes its folder too often to be followed: make several calls"
                )
        found.append(here)
    return found


def _moved(runtime: Runtime, base: str, word: str) -> list[str]:
    """Where `cd` leads: by the name of the folder, and by what links in it lead to."""
    try:
        if word == "~" or word.startswith("~/"):
            return [os.path.normpath(runtime.resolve("~") + word[1:]), runtime.resolve(word)]
        path = os.path.join(base, word)
        return [os.path.normpath(path), runtime.resolve(path)]
    except ToolError:
        return []  # it is no path


def _settled(runtime: Runtime, commands: Iterable[tuple[str, ...]]) -> None:
    """Raises Unsure when these plain words are not what they seem."""
    top = runtime.folder.rstrip("/") + "/"
    for argv in commands:
        inner = wrappers.innermost(argv)
        if inner[:1] == ("cd",):
            words = inner[2:] if inner[1:2] == ("--",) else inner[1:]
            if inner != argv or len(words) != 1 or words[0] in ("", "-"):
                raise Unsure("it goes to a folder that is not named")
        own = True
        ran = [argv[number + 1] for number, word in enumerate(argv[:-1]) if word == "-exec"]
        for name in (*(argv[place] for place in wrappers.layers(argv)), *ran):
            if not (own and name in BUILTINS) and "/" not in name:
                for program in (name, RUN.get(name, name)):
                    if runtime.find(program).startswith(top):
                        raise Unsure(f"the program {program} lies inside the session's folder")
            own = own and name in ("command", "time")


# ---------------------------------------------------------------- names of files


async def _expanded(
    runtime: Runtime, line: Line, bases: list[tuple[str, ...]]
) -> list[tuple[str, ...]]:
    """The commands' words, with names of files in place of patterns. Raises Unsure."""
    commands: list[tuple[str, ...]] = []
    known: dict[tuple[str, Word], list[str]] = {}
    many = 0
    for words, here in zip(line.commands, bases, strict=False):
        argv: list[str] = []
        names: set[str] = set()
        for word in words:
            if not word.glob:
                argv.append(word.text)
                continue
            if len(here) != 1:
                raise Unsure("it expands names of files in another folder")
            key = here[0], word
            if key not in known:
                known[key] = await _names(runtime, here[0], word)
            argv += known[key] or [word.text]
            names.update(known[key])
            many += len(known[key])
            if many > NAMES:
                raise Unsure(f"its patterns stand for more than {NAMES} files")
        _files_only(tuple(argv), names)
        commands.append(tuple(argv))
    return commands


def _files_only(argv: tuple[str, ...], names: set[str]) -> None:
    """Raises Unsure when names of files stand where a command wants something else."""
    odd = next((name for name in names if name.startswith("-")), "")
    if odd:
        raise Unsure(f"a pattern stands for a file whose name reads as an option: {odd}")
    name = wrappers.innermost(argv)[0]
    use = programs.reads(argv)
    shown = name in ("echo", "printf") and name not in names
    if names and use is not None and not shown and not names <= {*use.files}:
        raise Unsure("names of files stand where the program wants something else")


async def _names(runtime: Runtime, base: str, word: Word) -> list[str]:
    """The paths that a pattern stands for, as the shell would write them. Raises Unsure."""
    pattern = word.text
    found = ["/"] if pattern.startswith("/") else [""]
    top = "" if word.home or pattern.startswith("/") else base + "/"
    for part in pattern.strip("/").split("/"):
        following: list[str] = []
        for path in found:
            if not re.search(r"[*?\[]", part):
                following.append(path + part + "/")
                continue
            try:
                entries = await runtime.list(top + path)
            except ToolError:
                continue
            listed = [entry.path.rpartition("/")[2] for entry in entries]
            if part.startswith("."):
                listed += [".", ".."]  # some shells name them too
            following += [
                path + name + "/"
                for name in listed
                if fnmatchcase(name, part) and (part.startswith(".") or not name.startswith("."))
            ]
        found = following
        if len(found) > NAMES:
            raise Unsure(f"{pattern} stands for more than {NAMES} files")
    kinds = ("folder",) if pattern.endswith("/") else ("file", "folder", "other")
    found = [path.rstrip("/") for path in found]
    return [path for path in found if (await runtime.stat(top + path)).kind in kinds]


async def _below(
    runtime: Runtime, tops: Iterable[str], use: programs.Use
) -> tuple[list[str], list[str]]:
    """What reading these folders with all that is in them reads elsewhere, and which files there
    may hold keys. Raises Unsure."""
    own = runtime.folder.rstrip("/") + "/"
    left = [path for path in tops if f"{path}/".startswith(own)]
    away: list[str] = []
    keys: list[str] = []
    files: list[str] = []
    count = 0
    while left:
        top = left.pop()
        if (await runtime.stat(top)).kind != "folder":
            continue
        for entry in await runtime.list(top):
            count += 1
            name = entry.path.rpartition("/")[2]
            if name.startswith(".") and not use.hidden:
                continue
            if entry.kind == "folder" and name not in SKIPPED:
                left.append(entry.path)
            elif entry.kind == "other" and use.links:
                away.append(runtime.resolve(entry.path))
            elif places.holds_keys(entry.path):
                keys.append(entry.path)
            elif entry.kind == "file":
                files.append(entry.path)
        if count > ENTRIES:
            raise Unsure(f"it reads a folder with more than {ENTRIES} files")
    return away, keys + await runtime.twins(files)


# ---------------------------------------------------------------- words as paths


def _resolved(runtime: Runtime, bases: Iterable[str], words: Iterable[str]) -> list[str]:
    """The words as paths, from every folder that may be the current one. Raises ToolError."""
    bases, words = list(bases), list(words)
    if len(bases) * len(words) > PATHS:
        raise ToolError("the command names too many files in too many folders: make several calls")
    found: list[str] = []
    for word in words:
        paths = [os.path.join(base, word) for base in bases]
        for path in [word, *paths] if word.startswith("~") else paths:
            try:
                found.append(runtime.resolve(path))
            except ToolError:
                continue  # it is no path
    return found


def _pathlike(words: Iterable[str]) -> list[str]:
    """The words, or the values within them, that may be paths."""
    found: list[str] = []
    for word in words:
        option = word.startswith("-")
        for part in (
            word if not option else "",
            word.partition("=")[2],
            word[2:] if option else "",
        ):
            wanted = "/" in part or part.startswith((".", "~"))
            if (wanted or re.search(places.KEYS, f"/{part}")) and len(part) < 4096:
                found.append(part)
    return found
