"""What a shell command would touch, found without running anything."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from tuiagent.kernel import policy, programs
from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import ToolError
from tuiagent.ports import Runtime
from tuiagent.tools.bash import Line, Word, read

NAMES = 2000
"""Names that a pattern such as *.py may stand for; with more the command is asked about."""
FOLDERS = 64
"""Folders in which a command may find itself, by its `cd`s; with more it is asked about."""
BUILTINS = frozenset("cd command echo false printf pwd test time true type".split())
"""What the shell does itself."""


async def claimed(tool: str, command: str, runtime: Runtime) -> Claims:
    """The command's argument lists, and the files that it reads, writes and mentions."""
    line = read(command)
    why, plain = line.why, []
    try:
        _settled(line)
        plain = [await _expanded(runtime, words) for words in line.commands]
        why = why or _odd(runtime, plain)
        if not why and len(_folders(runtime, plain)) > FOLDERS:
            why = "it changes its folder too often to be followed"
    except (Unsure, ToolError) as unsure:
        why = str(unsure)
    commands = (*plain, *line.inside)
    bases = _folders(runtime, commands)
    if not why and _moves_once(plain, line.joins):
        bases = bases[-1:]
    files: list[str] = []
    mentions: list[str] = []
    for number, argv in enumerate(commands):
        use = programs.reads(argv) if not why else None
        words = use.files if use else _pathlike(argv[1:])
        places = bases if number else [runtime.folder]
        (files if use else mentions).extend(_resolved(runtime, places, words))
    return Claims(
        tool,
        "execute",
        command,
        reads=tuple(dict.fromkeys(files)),
        writes=tuple(dict.fromkeys(_resolved(runtime, bases, line.written))),
        mentions=tuple(dict.fromkeys(mentions)),
        commands=() if why else tuple(plain),
        inside=tuple(argv for argv in line.inside if why or argv not in plain),
        why=why,
        folder=runtime.folder,
    )


class Unsure(Exception):
    """What a word stands for cannot be said for certain."""


def _settled(line: Line) -> None:
    """Raises Unsure when patterns would be expanded in another folder than the session's."""
    moves = any(words[0].text == "cd" for words in line.commands)
    if moves and any(word.glob for words in line.commands for word in words):
        raise Unsure("it expands names of files in another folder")


async def _expanded(runtime: Runtime, words: tuple[Word, ...]) -> tuple[str, ...]:
    """The command's words, with names of files in place of patterns. Raises Unsure."""
    found: list[str] = []
    for word in words:
        if not word.glob:
            found.append(word.text)
            continue
        names = await _names(runtime, word.text)
        odd = next((name for name in names if name.startswith("-")), "")
        if odd:
            raise Unsure(f"{word.text} stands for a file whose name reads as an option: {odd}")
        found += names or [word.text]
    return tuple(found)


async def _names(runtime: Runtime, pattern: str) -> list[str]:
    """The paths that a pattern stands for, as the shell would write them. Raises Unsure."""
    found = ["/"] if pattern.startswith("/") else [""]
    for part in pattern.strip("/").split("/"):
        following: list[str] = []
        for base in found:
            if not re.search(r"[*?\[]", part):
                following.append(base + part + "/")
                continue
            try:
                entries = await runtime.list(base or ".")
            except ToolError:
                continue
            names = (entry.path.rpartition("/")[2] for entry in entries)
            following += [
                base + name + "/"
                for name in names
                if fnmatchcase(name, part) and (part.startswith(".") or not name.startswith("."))
            ]
        found = following
        if len(found) > NAMES:
            raise Unsure(f"{pattern} stands for more than {NAMES} files")
    kept = [path.rstrip("/") for path in found if (await runtime.stat(path)).kind != "missing"]
    return kept


def _odd(runtime: Runtime, commands: Iterable[tuple[str, ...]]) -> str:
    """Why these plain words are not what they seem, "" when they are."""
    commands = list(commands)
    top = runtime.folder.rstrip("/") + "/"
    for argv in commands:
        name = (programs.unwrapped(argv) or argv)[0]
        if argv[0] == "cd" and argv[1:] in ((), ("-",)):
            return "it goes to a folder that is not named"
        if name in BUILTINS or "/" in name:
            continue
        if runtime.find(name).startswith(top):
            return f"the program {name} lies inside the session's folder"
    return ""


def _moves_once(commands: list[tuple[str, ...]], joins: tuple[str, ...]) -> bool:
    """Whether everything behind a first `cd` runs only where that leads."""
    moves = [number for number, argv in enumerate(commands) if argv[0] == "cd"]
    return moves == [0] and joins[:1] == ("&&",) and not {"||", ";"} & set(joins)


def _folders(runtime: Runtime, commands: Iterable[tuple[str, ...]]) -> list[str]:
    """Every folder in which the commands may find themselves."""
    found = [runtime.folder]
    for argv in commands:
        if argv[0] == "cd" and len(argv) == 2:
            found += [path for path in _resolved(runtime, found, argv[1:]) if path not in found]
        if len(found) > FOLDERS:
            break
    return found


def _resolved(runtime: Runtime, bases: list[str], words: Iterable[str]) -> list[str]:
    """The words as paths, from every folder that may be the current one."""
    found: list[str] = []
    for word in words:
        for base in bases if not word.startswith(("/", "~")) else bases[:1]:
            try:
                found.append(runtime.resolve(word if word[:1] in "/~" else f"{base}/{word}"))
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
            wanted = "/" in part or part.startswith((".", "~")) or policy.KEYS.search(f"/{part}")
            if wanted and len(part) < 4096:
                found.append(part)
    return found
