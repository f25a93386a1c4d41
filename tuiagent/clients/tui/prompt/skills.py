"""The skills that can be named in a prompt: folders with a SKILL.md, by name and description."""

import os
import re
from collections.abc import Sequence

from msgspec import Struct

NAME = "SKILL.md"
LARGEST = 4096
"""Bytes in which its head has to stand."""
MOST = 500
FIELD = re.compile(r"^(name|description):[ \t]*(.*?)[ \t]*$", re.MULTILINE)


class Skill(Struct, frozen=True):
    """One skill."""

    name: str
    description: str


def places(home: str, folder: str) -> list[str]:
    """Where skills may lie, the project's own first."""
    return [
        os.path.join(folder, ".tuiagent", "skills"),
        os.path.join(folder, "skills"),
        os.path.join(home, "skills"),
    ]


def found(folders: Sequence[str]) -> list[Skill]:
    """The skills of these folders by name; of two with one name the first counts."""
    skills: dict[str, Skill] = {}
    for folder in folders:
        try:
            entries = sorted(os.listdir(folder))[:MOST]
        except OSError:
            continue
        for entry in entries:
            skill = _read(os.path.join(folder, entry, NAME))
            if skill is not None:
                skills.setdefault(skill.name, skill)
    return [skills[name] for name in sorted(skills)]


def _read(path: str) -> Skill | None:
    """What the file's head says; None where there is none."""
    try:
        if not os.path.isfile(path):
            return None
        with open(path, encoding="utf-8", errors="replace") as file:
            head = file.read(LARGEST)
    except OSError:
        return None
    if not head.startswith("---\n") or "\n---" not in head[4:]:
        return None
    fields = dict(FIELD.findall(head[4:].partition("\n---")[0]))
    name = fields.get("name", "").strip("\"'")
    if not re.fullmatch(r"[a-z][\w-]*", name):
        return None
    return Skill(name, fields.get("description", "").strip("\"'"))
