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
from tuiagent.kernel.hooks import EVENTS, LONGEST
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
                hooks = _read(place, path)
            except ConfigError as error:
                yield Offer(path, USE, "", (), str(error))
                continue
            if hooks:
                yield _offer(place, folder, path, hooks)


def problems(where: Iterable[Place]) -> list[tuple[str, str]]:
    """The files that cannot be read, each with why."""
    found: list[tuple[str, str]] = []
    for place in where:
        for path in _paths(place):
            try:
                _read(place, path)
            except ConfigError as error:
                found.append((path, str(error)))
    return found


def own(place: Place) -> bool:
    """Whether a place is the user's own for this program, which needs no trust."""
    return place.source == places.USER and os.path.basename(place.path) not in places.FOLDERS


def _every(where: Iterable[Place]) -> Iterator[tuple[Place, str, list[Hook]]]:
    for place in where:
        for path in _paths(place):
            try:
                yield place, path, _read(place, path)
            except ConfigError:
                continue  # it is listed with its problem where trust is asked for


def _paths(place: Place) -> list[str]:
    if place.source == places.SHIPPED:
        return []
    names = FILES.get(os.path.basename(place.path), ("hooks.json",))
    paths = [os.path.join(place.path, name) for name in names]
    return [path for path in paths if os.path.lexists(path)]


def _read(place: Place, path: str) -> list[Hook]:
    """The hooks of a file. Raises ConfigError."""
    text = places.read(place, path, LARGEST)
    try:
        table = msgspec.json.decode(text, type=dict[str, Any]).get("hooks", {})
        groups = msgspec.convert(table, dict[str, list[dict[str, Any]]])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ConfigError(f"it holds no hooks: {error}") from error
    found: list[Hook] = []
    for event, rows in groups.items():
        if event in EVENTS:
            for row in rows:
                found += _group(event, row, path)
    if len(found) > MOST:
        raise ConfigError(f"it holds more than {MOST} hooks")
    return found


def _group(event: str, row: dict[str, Any], path: str) -> list[Hook]:
    """The hooks that share a matcher. Raises ConfigError."""
    matcher = row.get("matcher", "")
    try:
        re.compile(matcher)
        commands = [one for one in row["hooks"] if one.get("type", "command") == "command"]
        return [
            Hook(event, one["command"], matcher, _seconds(one.get("timeout")), path)
            for one in commands
            if isinstance(one["command"], str) and one["command"].strip()
        ]
    except (re.error, TypeError, KeyError, AttributeError, ValueError) as error:
        if matcher == "*":
            return _group(event, {**row, "matcher": ""}, path)
        raise ConfigError(f"a hook of {event} cannot be read: {error!r}") from error


def _seconds(given: object) -> float:
    return min(LONGEST, max(1.0, float(given))) if isinstance(given, int | float) else 60.0


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
