"""Commands of people's own: Markdown files in `commands/`, said in place of `/NAME ARGUMENTS`.

As Claude Code has them: a head with `description` and `argument-hint`, `$ARGUMENTS`, `$1` to `$9`
below it, and !`COMMAND` for what a command writes.
"""

import hashlib
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from tuiagent.kernel.errors import ConfigError
from tuiagent.kernel.standing import Standing
from tuiagent.library import head, places
from tuiagent.library.places import Place
from tuiagent.ports.library import Offer, Paper

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}(:[a-z0-9][a-z0-9_-]{0,63}){0,2}")
LARGEST = 64 * 1024
MOST = 500
"""Commands of one place."""
SHELL = re.compile(r"!`([^`\n]+)`")
WORD = re.compile(r"\$(ARGUMENTS|[1-9])(?!\w)")
USE = "command"


class Given(Struct, frozen=True):
    """What a command comes to."""

    text: str
    """What is said; each `\\x00N\\x00` stands for what the Nth of `runs` writes."""
    runs: tuple[str, ...] = ()
    """Commands that are run first, in this order."""
    path: str = ""


def every(where: Iterable[Place]) -> list[Paper]:
    """The commands of these places by name; of several with one name the one that counts most."""
    found: dict[str, Paper] = {}
    for place in where:
        for name, path in _files(place):
            paper = _paper(place, name, path)
            if not (paper.problem and paper.name in found):
                found[paper.name] = paper
    return [found[name] for name in sorted(found)]


def given(where: Sequence[Place], name: str, arguments: str, standing: Standing) -> Given:
    """What is said, and run first, for a command. Raises ConfigError."""
    papers = [(place, paper) for place in where for paper in every([place]) if paper.name == name]
    if not papers:
        raise ConfigError(f"there is no command /{name[:80]}")
    place, paper = next((one for one in reversed(papers) if not one[1].problem), papers[-1])
    if paper.problem:
        raise ConfigError(f"/{name} cannot be used: {paper.problem}")
    words = head.split(places.read(place, paper.path, LARGEST))[1].strip()
    offer = _offer(paper.path, words)
    if offer and place.source == places.PROJECT and not trusted(offer, standing):
        raise ConfigError(
            f"/{name} of this repository runs commands, and nobody has trusted them as they are: "
            f"tuiagent trust show {paper.path}"
        )
    pieces = SHELL.split(words)
    said = [_filled(piece, arguments) for piece in pieces[::2]]
    if arguments and not WORD.search(words):
        said[-1] += f"\n\n{arguments}"
    marks = [f"\0{number}\0" for number in range(len(pieces) // 2)]
    text = "".join(part for pair in zip(said, [*marks, ""], strict=True) for part in pair)
    return Given(text, tuple(_run(piece, arguments) for piece in pieces[1::2]), paper.path)


def offers(where: Iterable[Place]) -> Iterator[Offer]:
    """What commands of a repository would have us run."""
    for place in where:
        if place.source != places.PROJECT:
            continue
        for _, path in _files(place):
            try:
                words = head.split(places.read(place, path, LARGEST))[1].strip()
            except ConfigError:
                continue  # it is listed with its problem where commands are
            if offer := _offer(path, words):
                yield offer


def trusted(offer: Offer, standing: Standing) -> bool:
    """Whether a person trusts just this."""
    return standing.trusts(offer.use, offer.path, offer.sha256)


def _offer(path: str, words: str) -> Offer | None:
    runs = tuple(SHELL.findall(words))
    if not runs:
        return None
    return Offer(path, USE, hashlib.sha256("\0".join(runs).encode()).hexdigest(), runs)


def _words(arguments: str) -> list[str]:
    try:
        return shlex.split(arguments)
    except ValueError:  # a quote that does not end is only a letter
        return arguments.split()


def _run(command: str, arguments: str) -> str:
    """The command as it was trusted: what was typed is a value to it, never a part of it."""
    if not WORD.search(command):
        return command
    words = shlex.join(_words(arguments))
    return f"set -- {words}\nARGUMENTS={shlex.quote(arguments)}\n{command}"


def _filled(piece: str, arguments: str) -> str:
    """The words with what was typed in their places."""
    words = _words(arguments)

    def fill(found: re.Match[str]) -> str:
        if found[1] == "ARGUMENTS":
            return arguments
        number = int(found[1])
        return words[number - 1] if number <= len(words) else ""

    return WORD.sub(fill, piece.replace("\0", ""))


def _files(place: Place) -> Iterator[tuple[str, str]]:
    """Each Markdown file of a place's commands, with the name that its folders give it."""
    for path in places.entries(place, "commands", MOST):
        name = os.path.basename(path)
        if name.endswith(".md"):
            yield name.removesuffix(".md"), path
        elif os.path.isdir(path) and not os.path.islink(path):
            below = Place(os.path.dirname(path), place.source, place.within)
            for inner in places.entries(below, name, MOST):
                if inner.endswith(".md"):
                    yield f"{name}:{os.path.basename(inner).removesuffix('.md')}", inner


def _paper(place: Place, name: str, path: str) -> Paper:
    shown = "".join(letter if letter.isprintable() else "?" for letter in name)[:64]
    try:
        if not NAME.fullmatch(name):
            raise ConfigError(f"the name {shown!r} is not made of a-z, 0-9, - and _")
        fields, words = head.split(places.read(place, path, LARGEST))
        if not words.strip():
            raise ConfigError("it says nothing")
    except ConfigError as error:
        return Paper(shown, "", place.source, path, str(error))
    first = next((line.strip("# ") for line in words.splitlines() if line.strip("# ")), "")
    told = " ".join(str(fields.get("description") or first).split())[:200]
    takes = fields.get("argument-hint") or ""
    takes = f"[{', '.join(map(str, takes))}]" if isinstance(takes, list) else str(takes)
    hint = " ".join(takes.split())[:80]
    return Paper(name, told, place.source, path, hint=hint)
