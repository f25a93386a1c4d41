"""What is asked for at the cursor: a file, a command or a skill, and from where to where."""

import re

from msgspec import Struct

FILE = r"(?:^|(?<=[\s(\[{,;]))@(?:\"(?P<quoted>[^\"\n]*)|(?P<plain>[^\s\"]*))$"
SKILL = r"(?:^|(?<=\s))#(?P<name>[a-z][\w-]*|)$"
COMMAND = r"^/(?P<name>[a-z0-9_:-]*)$"
VALUE = r"^/(?P<name>[a-z]+) +(?P<value>\S*)$"

SLASH = re.compile(r"^/(?P<name>[a-z0-9][a-z0-9_:-]*|[\w-]+:[\w.-]+)(?P<rest>\s.*|)$", re.DOTALL)
"""A prompt that is a command, or one of a server's: `/server:prompt`."""

SHELL = re.compile(r"^!(?P<quiet>!?)(?P<command>.*\S.*)$", re.DOTALL)
"""A prompt that is a command for the shell, of which the model is told or not."""


class Wanted(Struct, frozen=True):
    """Something that could be completed."""

    kind: str
    """file, skill, command, or value: what a command takes."""
    query: str
    start: int
    """The column where what is to be replaced begins."""
    command: str = ""


def wanted(before: str, first: bool) -> Wanted | None:
    """What the end of this part of a line asks for; `first` when it begins the prompt."""
    if first and (found := re.search(COMMAND, before)):
        return Wanted("command", found["name"], 0)
    if first and (found := re.search(VALUE, before)):
        return Wanted("value", found["value"], found.start("value"), found["name"])
    if found := re.search(FILE, before):
        return Wanted("file", found["quoted"] or found["plain"] or "", found.start())
    if found := re.search(SKILL, before):
        return Wanted("skill", found["name"], found.start())
    return None
