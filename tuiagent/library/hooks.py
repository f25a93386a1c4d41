"""Hooks: commands that are run when something happens, in Claude Code's format.

`hooks.json` in our folders and `settings.json` in Claude Code's hold
`{"hooks": {EVENT: [{"matcher": NAMES, "hooks": [{"type": "command", "command": …}]}]}}`. See
https://docs.claude.com/en/docs/claude-code/hooks.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from tuiagent.kernel.errors import ConfigError
from tuiagent.kernel.hooks import AFTER, BEFORE, END, EVENTS, LIST, LONGEST, PROMPT, START, fits
from tuiagent.kernel.standing import Standing
from tuiagent.library import places
from tuiagent.library.places import Place
from tuiagent.named import named
from tuiagent.ports.library import Hook, Offer

FILES = {".claude": ("settings.json", "settings.local.json")}
"""What holds hooks in the folders of other programs; hooks.json in all others."""
LARGEST = 256 * 1024
"""Bytes of such a file, and of a script that it names."""
MOST = 100
"""Hooks of one file."""
USE = "hooks"
PROJECT = "${CLAUDE_PROJECT_DIR}"
USUAL = {PROMPT: 30.0}
"""Seconds that a hook may take where nobody says; for other events, as long as any may."""
HAPPENS = {START: ("startup", "fork"), END: ("other",)}
"""What a matcher is compared with where that is no tool."""
MATCHED = (BEFORE, AFTER, *HAPPENS)
"""Events that matchers count for."""


def running(where: Iterable[Place], folder: str, event: str, standing: Standing) -> list[Hook]:
    """The hooks for an event: those in one's own hooks.json, and what was trusted."""
    found: list[Hook] = []
    for place, path, hooks in _every(where):
        mine = [hook for hook in hooks if hook.event == event]
        if mine and not (own(place) or _trusted(place, folder, path, hooks, standing)):
            continue
        found += mine
    return list({(hook.command, hook.matcher): hook for hook in found}.values())


def offers(where: Iterable[Place], folder: str) -> Iterator[Offer]:
    """What has to be trusted before it is run: everything but one's own hooks.json."""
    for place in where:
        if own(place):
            continue
        for path in _paths(place):
            try:
                hooks, unheard = _read(place, path)
            except ConfigError as error:
                yield Offer(path, USE, "", (), str(error))
                continue
            if hooks:
                offer = _offer(place, folder, path, hooks)
                said = tuple(f"(not heeded here: {one})" for one in unheard)
                yield msgspec.structs.replace(offer, runs=(*offer.runs, *said))


def remarks(where: Iterable[Place], folder: str, standing: Standing) -> list[tuple[str, str]]:
    """What stands in files and does not count, each with its file: of one's own, those that are
    trusted, and those in which nothing waits for trust."""
    found: list[tuple[str, str]] = []
    for place in where:
        for path in _paths(place):
            try:
                hooks, unheard = _read(place, path)
            except ConfigError as error:
                found += [(path, f"cannot be read: {error}")] if own(place) else []
                continue
            if not hooks or own(place) or _trusted(place, folder, path, hooks, standing):
                found += [(path, one) for one in unheard]
    return found


def own(place: Place) -> bool:
    """Whether a place is the user's own for this program, which needs no trust."""
    return place.source == places.USER and os.path.basename(place.path) not in places.FOLDERS


def _every(where: Iterable[Place]) -> Iterator[tuple[Place, str, list[Hook]]]:
    for place in where:
        for path in _paths(place):
            try:
                yield place, path, _read(place, path)[0]
            except ConfigError:
                continue  # it is listed with its problem where trust is asked for


def _paths(place: Place) -> list[str]:
    if place.source == places.SHIPPED:
        return []
    names = FILES.get(os.path.basename(place.path), ("hooks.json",))
    paths = [os.path.join(place.path, name) for name in names]
    return [path for path in paths if os.path.lexists(path)]


def _read(place: Place, path: str) -> tuple[list[Hook], list[str]]:
    """The hooks of a file, and what of it does not count here. Raises ConfigError."""
    text = places.read(place, path, LARGEST)
    try:
        whole = msgspec.json.decode(text, type=dict[str, Any])
        groups = msgspec.convert(whole.get("hooks", {}), dict[str, list[dict[str, Any]]])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ConfigError(f"it holds no hooks: {error}") from error
    if whole.get("disableAllHooks") is True:
        return [], []
    found: list[Hook] = []
    unheard: list[str] = []
    for event, rows in groups.items():
        if event not in EVENTS:
            unheard.append(f"hooks of {event}")
            continue
        for row in rows:
            _group(event, row, path, found, unheard)
    if len(found) > MOST:
        raise ConfigError(f"it holds more than {MOST} hooks")
    return found, list(dict.fromkeys(unheard))


def _group(
    event: str, row: dict[str, Any], path: str, found: list[Hook], unheard: list[str]
) -> None:
    """Adds the hooks that share a matcher, and what of them does not count. Raises ConfigError."""
    try:
        matcher = row.get("matcher", "") if event in MATCHED else ""
        never = event in HAPPENS and not fits(matcher, HAPPENS[event])
        if not LIST.fullmatch(matcher) and matcher != "*":
            re.compile(matcher)
        for one in row["hooks"]:
            kind, shell = one.get("type", "command"), one.get("shell", "bash")
            if never or kind != "command" or shell != "bash":
                what = matcher if never else kind if kind != "command" else shell
                unheard.append(f"{event} hooks of {what}")
                continue
            if "if" in one:
                unheard.append(f"`if` of {event}: it runs each time")
            if one.get("async") or one.get("asyncRewake"):
                unheard.append(f"`async` of {event}: it is waited for")
            command = _command(one)
            if command.strip():
                usual = USUAL.get(event, LONGEST)
                found.append(
                    Hook(event, command, matcher, _seconds(one.get("timeout"), usual), path)
                )
    except (re.error, TypeError, KeyError, AttributeError, ValueError) as error:
        raise ConfigError(f"a hook of {event} cannot be read: {error!r}") from error


def _command(one: dict[str, Any]) -> str:
    """What a shell runs; with `args`, its words as they are, but for the project's folder.

    Raises ValueError, KeyError.
    """
    words = [one["command"], *(one.get("args") or ())]
    if not all(isinstance(word, str) for word in words):
        raise ValueError("its command is not made of texts")
    return " ".join(map(_quoted, words)) if "args" in one else str(one["command"])


def _quoted(word: str) -> str:
    from shlex import quote  # noqa: PLC0415 - few have hooks, and all load this

    parts = word.split(PROJECT)
    return f'"{PROJECT}"'.join(quote(part) if part else "" for part in parts) or "''"


def _seconds(given: object, usual: float) -> float:
    return min(LONGEST, max(1.0, float(given))) if isinstance(given, int | float) else usual


def _trusted(
    place: Place, folder: str, path: str, hooks: Sequence[Hook], standing: Standing
) -> bool:
    if path not in standing.trusted[USE]:
        return False  # the scripts need not be read
    offer = _offer(place, folder, path, hooks)
    return not offer.problem and standing.trusts(USE, path, offer.sha256)


def _offer(place: Place, folder: str, path: str, hooks: Sequence[Hook]) -> Offer:
    """What is trusted: the hooks, and the text of each file of the repository that they name."""
    mark = hashlib.sha256(msgspec.json.encode([[h.event, h.matcher, h.command] for h in hooks]))
    shown = [f"{h.event}{f'({h.matcher})' if h.matcher else ''}: {h.command}" for h in hooks]
    top = place.within or os.path.dirname(place.path)
    for script in sorted({name for h in hooks for name in _scripts(h.command, folder, top)}):
        try:
            text = places.read(Place(top, place.source, top), script, LARGEST)
        except ConfigError as error:
            return Offer(path, USE, "", tuple(shown), f"{script}: {error}")
        mark.update(f"\0{script}\0{text}".encode())
        shown.append(f"with {script} as it is now")
    return Offer(path, USE, mark.hexdigest(), tuple(shown))


def _scripts(command: str, folder: str, top: str) -> Iterator[str]:
    """The files of the repository that a command names, as far as its words can be known."""
    try:
        from shlex import split  # noqa: PLC0415 - few have hooks, and all load this

        words = split(command)
    except ValueError:
        words = command.split()
    for path in named(words, folder, top):
        if os.path.lexists(path) and not os.path.isdir(path):
            yield path
