"""Files of a repository that a command names, as far as its words can be known."""

import os
from collections.abc import Iterable, Iterator

FOLDERS = ("CLAUDE_PROJECT_DIR", "TUIAGENT_PROJECT_DIR", "PWD")
"""Variables that stand for the session's folder."""


def named(words: Iterable[str], folder: str, top: str) -> Iterator[str]:
    """The paths below `top` that words name, also behind a `=`, whether or not they are there.

    What is relative begins at `folder`; so do the variables that stand for it.
    """
    for word in words:
        for name in FOLDERS:
            word = word.replace(f"${{{name}}}", folder).replace(f"${name}", folder)
        for part in dict.fromkeys((word, word.partition("=")[2])):
            path = os.path.normpath(os.path.join(folder, part))
            if part and path.startswith(top.rstrip("/") + "/"):
                yield path
