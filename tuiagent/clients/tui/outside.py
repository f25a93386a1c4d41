"""The person's own editor, for a file or for a draft that has grown."""

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Mapping

from tuiagent.clients.clean import clean
from tuiagent.kernel.errors import TuiagentError

USUAL = "vi"
LARGEST = 4 << 20


def opened(path: str, environ: Mapping[str, str]) -> None:
    """Has the person edit a file in $VISUAL or $EDITOR, which takes the whole terminal.

    Raises TuiagentError when the editor cannot be started, or says that it failed.
    """
    words = _words(environ)
    # what the person interrupts is the editor; a handler, unlike ignoring, is not inherited
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        code = subprocess.call([*words, path], cwd=os.path.dirname(path))
    except OSError as error:
        raise TuiagentError(
            f"{words[0]} cannot be started: {error.strerror}; set $EDITOR"
        ) from error
    finally:
        signal.signal(signal.SIGINT, before)
    if code:
        raise TuiagentError(f"{words[0]} ended with {code}")


def edited(text: str, environ: Mapping[str, str]) -> str:
    """The text as the person leaves it; see `opened`. Where that raises, nothing has changed."""
    with tempfile.TemporaryDirectory(prefix="tuiagent-") as folder:
        path = os.path.join(folder, "prompt.md")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        try:
            opened(path, environ)
        except TuiagentError as error:
            raise TuiagentError(f"{error}; your text is as it was") from error
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                found = file.read(LARGEST)
        except OSError as error:
            raise TuiagentError(
                f"the edited file is gone ({error}); your text is as it was"
            ) from error
    return clean(found.replace("\r\n", "\n")).removesuffix("\n")


def _words(environ: Mapping[str, str]) -> list[str]:
    for name in ("VISUAL", "EDITOR"):
        try:
            words = shlex.split(environ.get(name, ""))
        except ValueError as error:
            raise TuiagentError(f"${name} cannot be read: {error}") from error
        if words:
            return words
    return [USUAL]
