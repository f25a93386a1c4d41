"""`serve --install`: a service of the user that keeps the server running, also after a restart.

Ending it ends the server alone, never the commands that sessions run: those live in the spools,
and the next server goes on with them.
"""

import argparse
import asyncio
import hashlib
import os
import plistlib
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE, ERROR
from tuiagent.clients.cli.printers import say
from tuiagent.clients.cli.serve import site, stop
from tuiagent.clients.whole import write
from tuiagent.kernel.errors import ConfigError
from tuiagent.server import server_record

UNIT, LABEL = "tuiagent.service", "org.tuiagent.serve"
DRAIN = 660
"""Seconds that what has begun gets to end, before the server is killed."""
MARK = "As tuiagent has written it:"
PASSED = ("XDG_CONFIG_HOME", "PYTHONPATH")
"""What the server needs of the environment besides its root; never a key."""
LINGER = "It ends when you log out, unless: loginctl enable-linger"
Words = tuple[str, ...]


class Service(NamedTuple):
    """A file, and what is said to the manager of services that reads it."""

    path: str
    text: str
    look: Words
    """Does nothing that is not to be done, and fails where there is no such manager."""
    begin: Words
    end: Words
    hint: str = ""


def service(
    root: str,
    environ: Mapping[str, str],
    platform: str = sys.platform,
    flags: Sequence[str] = (),
) -> Service:
    """What is installed for the server of this root, with these flags. Raises ConfigError."""
    passed = {"TUIAGENT_HOME": root} | {n: environ[n] for n in PASSED if environ.get(n)}
    argv = [sys.executable, "-P", "-m", "tuiagent", "serve", *flags]
    odd = [word for word in (*argv, *passed.values()) if not word.isprintable()]
    if odd:
        raise ConfigError(f"{odd[0]!r} cannot stand in a service's file: choose another name")
    home = environ.get("HOME") or os.path.expanduser("~")
    if platform == "darwin":
        path = os.path.join(home, "Library", "LaunchAgents", f"{LABEL}.plist")
        text = _marked(plist(argv, passed, root), "<!-- {} -->")
        domain = f"gui/{os.getuid()}"
        look, begin = ("launchctl", "print", domain), ("launchctl", "bootstrap", domain, path)
        return Service(path, text, look, begin, ("launchctl", "bootout", f"{domain}/{LABEL}"))
    config = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    path = os.path.join(config, "systemd", "user", UNIT)
    text = _marked(unit(argv, passed), "# {}")
    tell = ("systemctl", "--user")
    begin, end = (*tell, "enable", "--now", UNIT), (*tell, "disable", "--now", UNIT)
    return Service(path, text, (*tell, "daemon-reload"), begin, end, LINGER)


def unit(argv: list[str], environ: Mapping[str, str]) -> str:
    """The unit of systemd."""
    given = "".join(f"Environment={_quoted(f'{n}={v}')}\n" for n, v in environ.items())
    start = " ".join(_quoted(word).replace("$", "$$") for word in argv)
    return f"""\
[Unit]
Description=tuiagent goes on with sessions in the background

[Service]
ExecStart={start}
{given}KillMode=process
Restart=on-failure
RestartSec=2
TimeoutStopSec={DRAIN}
UMask=0077

[Install]
WantedBy=default.target
"""


def plist(argv: list[str], environ: Mapping[str, str], root: str) -> str:
    """The agent of launchd."""
    return plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": argv,
            "EnvironmentVariables": dict(environ),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "AbandonProcessGroup": True,
            "ExitTimeOut": DRAIN,
            "Umask": 0o077,
            "StandardErrorPath": os.path.join(root, "logs", "server.log"),
        },
        sort_keys=False,
    ).decode()


async def run(args: argparse.Namespace, root: str) -> int:
    """`serve --install` and `serve --uninstall`. Raises ConfigError."""
    made = service(root, os.environ, flags=site(args, os.environ).flags())
    try:
        if not args.force and os.path.exists(made.path) and not _ours(made.path):
            raise ConfigError(
                f"{made.path} is not as `serve --install` has written it: look, then say --force"
            )
        return await (_install(made, root) if args.install else _uninstall(made))
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}") from error


async def _install(made: Service, root: str) -> int:
    """Writes the file, shows it, and has the service take the place of what runs now."""
    os.makedirs(os.path.dirname(made.path), exist_ok=True)
    write(made.path, made.text.encode(), force=True)
    say(clean(f"{made.path}:\n\n{made.text}\n"))
    error = await _tell(made.look)
    if not error:
        await _tell(made.end)  # where an older one runs
        if server_record(root) is not None:
            stop(root)
        error = await _tell(made.begin)
    if error:
        later = " && ".join(" ".join(words) for words in (made.look, made.begin))
        say(clean(f"it was not begun ({error}). To begin it: {later}\n"))
        return ERROR
    say(f"the server runs as a service. {made.hint}".rstrip() + "\n")
    return DONE


async def _uninstall(made: Service) -> int:
    """Ends the service and removes its file; what sessions run goes on."""
    if not os.path.exists(made.path):
        say(clean(f"no service is installed: there is no {made.path}\n"))
        return DONE
    error = await _tell(made.end)
    os.unlink(made.path)
    await _tell(made.look)
    say(clean(f"{made.path} is removed{f' (it was not ended: {error})' if error else ''}\n"))
    return DONE


async def _tell(words: Words) -> str:
    """Says this to the manager of services; what went wrong, "" for nothing."""
    try:
        told = await asyncio.create_subprocess_exec(
            *words, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
        )
    except OSError as error:
        return f"{words[0]}: {error.strerror}"
    _, said = await told.communicate()
    return (said.decode(errors="replace").strip() or f"exit {told.returncode}") * bool(
        told.returncode
    )


def _marked(text: str, comment: str) -> str:
    """The text, and a last line by which a change of it is noticed."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return text + comment.format(f"{MARK} {digest}") + "\n"


def _ours(path: str) -> bool:
    """Whether the file is as it was written here."""
    with open(path, "rb") as file:
        text, _, last = file.read().rstrip(b"\n").rpartition(b"\n")
    return hashlib.sha256(text + b"\n").hexdigest().encode() in last


def _quoted(word: str) -> str:
    """A word as systemd reads it."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'
