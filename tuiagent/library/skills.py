"""Skills: `NAME/SKILL.md` in the Agent Skills format (https://agentskills.io), or `NAME.md`."""

import os
import re
from collections.abc import Iterable, Sequence

from tuiagent.kernel.errors import ConfigError
from tuiagent.library import head, places
from tuiagent.library.places import Place, read_file
from tuiagent.ports.library import Paper, Words

FILE = "SKILL.md"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
LARGEST = 64 * 1024
"""Bytes of a skill."""
MOST = 500
"""Skills of one place."""
LONGEST = 1024
"""Characters of a description."""
SHOWN = 240
"""Characters of it that models are told unasked."""
OFFERED = 12_000
"""Characters that all of them may take; of what is beyond only the names are told."""
FILES = 100
"""Files of a skill that are told of."""


def every(where: Iterable[Place]) -> list[Paper]:
    """The skills of these places by name; of several with one name the one that counts most."""
    found: dict[str, Paper] = {}
    for place in where:
        for path in places.entries(place, "skills", MOST):
            paper = _look(place, path)
            if paper is not None and not (paper.problem and paper.name in found):
                found[paper.name] = paper
    return [found[name] for name in sorted(found)]


def check(path: str) -> Paper:
    """What is to be said of one skill: a folder with a SKILL.md, that file, or a NAME.md."""
    path = os.path.realpath(path)
    if os.path.basename(path) == FILE:
        path = os.path.dirname(path)
    place = Place(os.path.dirname(os.path.dirname(path)), places.USER)
    return _look(place, path) or Paper(
        os.path.basename(path), "", place.source, path, f"it is no {FILE}, no NAME.md, and no link"
    )


def text(paper: Paper, where: Iterable[Place]) -> Words:
    """A skill as a model is told it. Raises ConfigError."""
    if paper.problem:
        raise ConfigError(f"the skill {paper.name} cannot be used: {paper.problem}")
    words = head.split(places.read(_place(paper, where), paper.path, LARGEST))[1].strip()
    folder = os.path.dirname(paper.path)
    more = ""
    if os.path.basename(paper.path) == FILE:
        names = [name for name in files(folder) if name != FILE]
        listed = "".join(f"\n- {name}" for name in names)
        more = f"\n\nFiles of this skill, in {folder}:{listed}" if names else ""
    return Words(paper.path, words + more)


def beside(paper: Paper, name: str) -> str:
    """The text of a file that lies in the skill's folder. Raises ConfigError."""
    folder = os.path.dirname(paper.path)
    if os.path.basename(paper.path) != FILE:
        raise ConfigError(f"the skill {paper.name} has no folder with other files")
    path = os.path.normpath(os.path.join(folder, name))
    return places.read(Place(folder, paper.source, folder), path, LARGEST)


def files(folder: str) -> list[str]:
    """The names of the files below a skill's folder, links left out."""
    found: list[str] = []
    for top, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))[:FILES]
        paths = (os.path.join(top, name) for name in sorted(names) if not name.startswith("."))
        found += [os.path.relpath(path, folder) for path in paths if not os.path.islink(path)]
        if len(found) >= FILES:
            break
    return found[:FILES]


def index(papers: Sequence[Paper]) -> str:
    """What models are told of skills unasked: the nearest first, within bounds."""
    nearest = {places.PROJECT: 0, places.USER: 1, places.SHIPPED: 2}
    offered = [paper for paper in papers if paper.offered and not paper.problem]
    offered.sort(key=lambda paper: nearest[paper.source])
    lines: list[str] = []
    left = OFFERED
    for number, paper in enumerate(offered):
        words = paper.description
        whose = " (of this repository)" if paper.source == places.PROJECT else ""
        line = f"- {paper.name}{whose}: {words[:SHOWN]}{'…' if len(words) > SHOWN else ''}"
        left -= len(line) + 1
        if left < 0:
            names = ", ".join(other.name for other in offered[number:])
            lines.append(f"- and, without their descriptions: {names[:OFFERED]}")
            break
        lines.append(line)
    return "\n".join(lines)


def _look(place: Place, path: str) -> Paper | None:
    """The skill that lies here, if one does; what is wrong with it is said in it."""
    name, _, suffix = os.path.basename(path).partition(".")
    file = path if suffix == "md" else os.path.join(path, FILE)
    if suffix not in ("", "md") or not name or not os.path.lexists(file):
        return None
    try:
        linked = os.path.islink(path) or os.path.islink(file)
        # where no link is in the way, that of the place was looked at once for all
        read = places.read(place, file, LARGEST, True) if linked else read_file(file, LARGEST, True)
        fields, words = head.split(read)
        if os.path.getsize(file) > LARGEST:
            raise ConfigError(f"it is longer than {LARGEST // 1024} KiB")
        return _paper(place, file, name, fields, words)
    except (ConfigError, OSError) as error:
        return Paper(_printable(name), "", place.source, file, str(error))


def _paper(place: Place, file: str, usual: str, fields: dict[str, object], words: str) -> Paper:
    name = fields.get("name", usual)
    description = fields.get("description") or ("" if fields else _first(words))
    if not isinstance(name, str) or not NAME.fullmatch(name):
        shown = _printable(str(name))
        why = f"the name {shown!r} is not made of a-z, 0-9, - and _ (64 at most)"
        return Paper(_printable(usual), "", place.source, file, why)
    problem = ""
    if not isinstance(description, str) or not description.strip():
        problem = "it has no description, by which it would be found"
    elif len(description) > LONGEST:
        problem = f"its description is longer than {LONGEST} characters"
    elif not words.strip():
        problem = "there is nothing below its head"
    told = " ".join(str(description).split())[:LONGEST] if not problem else ""
    hidden = fields.get("disable-model-invocation") in (True, "true")
    return Paper(name, told, place.source, file, problem, offered=not hidden)


def _first(words: str) -> str:
    """The first line that is no heading, for a file without a head."""
    lines = (line.strip() for line in words.splitlines())
    return next((line for line in lines if line and not line.startswith("#")), "")[:LONGEST]


def _printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:64]


def _place(paper: Paper, where: Iterable[Place]) -> Place:
    """The place that a skill was found in."""
    inside = [one for one in where if paper.path.startswith(os.path.join(one.path, ""))]
    return next((one for one in reversed(inside) if one.source == paper.source), inside[0])
