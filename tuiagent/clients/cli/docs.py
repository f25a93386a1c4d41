"""`docs [TOPIC]`: the guides that come with tuiagent."""

import argparse
import os

from tuiagent.clients.cli import DONE
from tuiagent.clients.cli.nearest import nearest
from tuiagent.clients.cli.printers import say
from tuiagent.kernel.errors import ConfigError

FOLDER = os.path.join(os.path.dirname(__file__), "..", "..", "docs")


def run(args: argparse.Namespace) -> int:
    """Lists the guides, each with what it is about, or prints one as it is written."""
    names = topics()
    if not args.topic:
        for name in names:
            say(f"{name:<14} {text(name).partition(chr(10))[0].removeprefix('# ')}\n")
        say("\nread one with: tuiagent docs TOPIC\n")
        return DONE
    if args.topic not in names:
        near = nearest(args.topic, names, 0.6)
        hint = f"; did you mean {near!r}?" if near else ""
        raise ConfigError(f"there is no guide {args.topic!r}{hint}; there are: {', '.join(names)}")
    say(text(args.topic))
    return DONE


def topics() -> list[str]:
    """The names of the guides."""
    return sorted(name[:-3] for name in os.listdir(FOLDER) if name.endswith(".md"))


def text(topic: str) -> str:
    """A guide as it is written."""
    with open(os.path.join(FOLDER, f"{topic}.md"), encoding="utf-8") as file:
        return file.read()
