"""What may be said on the command line."""

import argparse
import os
import sys

from tuiagent import __version__
from tuiagent.kernel.policy import MODES

EPILOG = """\
exit codes: 0 done, 1 error, 2 usage, 3 limit reached, 4 refused, 5 needs a person, 130 cancelled

  tuiagent --headless "why does test_x fail?"      one prompt, the answer on standard output
  tuiagent attach                                  watch, type and approve, line by line
"""


class Help(argparse.RawDescriptionHelpFormatter):
    """Finds its width without the module that argparse loads for that, 2 ms of each start."""

    def __init__(self, prog: str) -> None:
        columns = os.environ.get("COLUMNS", "")
        if columns.isdigit():
            width = int(columns)
        else:
            width = os.get_terminal_size().columns if sys.stdout.isatty() else 80
        super().__init__(prog, width=width - 2)


def parse(argv: list[str]) -> argparse.Namespace:
    """The arguments, with the name of the command in `command`; exits with 2 when wrong."""
    if argv and argv[0] in SUBPARSERS:
        args = SUBPARSERS[argv[0]]().parse_intermixed_args(argv[1:])
        args.command = argv[0]
        return _completed(args)
    if argv and argv[0] == "run":
        args = _main().parse_args(argv[1:])
        args.headless = args.headless or ("" if args.prompt else "-")
        return _completed(args)
    return _completed(_main().parse_args(argv))


def _completed(args: argparse.Namespace) -> argparse.Namespace:
    """Fills in what only some commands know, so that every command finds every name."""
    for name, value in USUAL:
        if not hasattr(args, name):
            setattr(args, name, value)
    return args


USUAL = (
    ("model", ""),
    ("mode", ""),
    ("allow", []),
    ("deny", []),
    ("cwd", "."),
    ("max_turns", 0),
    ("max_cost", 0.0),
    ("max_time", 0.0),
    ("log_level", ""),
)


def _main() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent",
        description="A terminal coding assistant whose work outlives its window.",
        usage="tuiagent [--headless PROMPT | -p PROMPT | run PROMPT] [options]\n"
        "       tuiagent attach|sessions|verify|doctor|gc|backup [-h]\n"
        "       tuiagent policy|usage|files|config|init [-h]",
        epilog=EPILOG,
        formatter_class=Help,
    )
    parser.add_argument("--version", "-V", action="version", version=f"tuiagent {__version__}")
    parser.add_argument(
        "--headless",
        "-p",
        metavar="PROMPT",
        nargs="?",
        const="-",
        help="do this without a screen; - or nothing reads standard input",
    )
    parser.add_argument("prompt", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--model", default="", metavar="PROVIDER/MODEL", help="who answers")
    parser.add_argument(
        "--mode", default="", choices=MODES, help="what may be done unasked (headless: locked)"
    )
    parser.add_argument(
        "--no-sandbox", action="store_true", help="say openly that mode auto runs unconfined"
    )
    for action in ("allow", "deny"):
        parser.add_argument(
            f"--{action}",
            action="append",
            default=[],
            metavar="RULE",
            help=f"{action} calls: TOOL or TOOL(PATTERN), such as 'shell(git status)'",
        )
    parser.add_argument("--cwd", default=".", metavar="DIR", help="the folder to work in")
    parser.add_argument(
        "--continue", dest="newest", action="store_true", help="go on with this folder's newest"
    )
    parser.add_argument("--resume", default="", metavar="ID", help="go on with this session")
    parser.add_argument(
        "--file", action="append", default=[], metavar="PATH", help="a text file to be read along"
    )
    parser.add_argument("--fork", default="", metavar="ID", help="begin with a copy of this one")
    parser.add_argument("--name", default="", help="what the new session is called")
    parser.add_argument("--output", default="text", choices=("text", "json", "events"))
    parser.add_argument("--max-turns", type=int, default=0, metavar="N", help="model replies")
    parser.add_argument("--max-cost", type=float, default=0.0, metavar="USD", help="of one run")
    parser.add_argument("--max-time", type=float, default=0.0, metavar="SECONDS", help="of one run")
    levels = ("debug", "info", "warning", "error")
    parser.add_argument(
        "--log-level", default="", choices=levels, help="log into logs/ of the root"
    )
    parser.add_argument("--once", default="", metavar="KEY", help="do this at most once")
    parser.set_defaults(command="headless")
    return parser


def _attach() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent attach", description="Watch, type and approve, line by line."
    )
    parser.add_argument("session", nargs="?", default="", help="an id, or the start of one")
    return parser


def _sessions() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tuiagent sessions", description="What sessions exist.")
    what = ("list", "show", "rename", "archive", "unarchive", "delete", "restore")
    parser.add_argument("what", choices=what)
    parser.add_argument("session", nargs="?", default="", help="a name, an id, or its start")
    parser.add_argument("name", nargs="?", default="", help="rename: how it shall be called")
    parser.add_argument("--now", action="store_true", help="delete: at once and for good")
    parser.add_argument("--all", action="store_true", help="list also what is put away or deleted")
    parser.add_argument("--output", default="text", choices=("text", "json"))
    return parser


def _verify() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent verify", description="Check the hash chains and the seals of the journal."
    )
    parser.add_argument("session", nargs="?", default="", help="an id; all without one")
    return parser


def _doctor() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog="tuiagent doctor", description="Look for what is wrong.")


def _policy() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent policy", description="What may be done, and what was granted."
    )
    parser.add_argument("what", choices=("check", "list", "allow", "revoke"))
    parser.add_argument("words", nargs="*", help="check: a command or path; else: a rule")
    parser.add_argument("--tool", default="shell", help="the tool that is checked")
    parser.add_argument("--session", default="", help="with the rules of this session")
    parser.add_argument("--mode", default="", choices=MODES)
    parser.add_argument("--cwd", default=".", metavar="DIR")
    parser.add_argument("--output", default="text", choices=("text", "json"))
    return parser


def _config() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tuiagent config", description="The user's config.toml.")
    parser.add_argument("what", choices=("get", "set", "path", "schema"))
    parser.add_argument("key", nargs="?", default="", help="such as model or tui.theme")
    parser.add_argument("value", nargs="?", help="as in TOML; a bare word is taken as text")
    return parser


def _init() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog="tuiagent init", description="Write a config.toml that explains every key."
    )


def _usage() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tuiagent usage", description="Tokens and money.")
    parser.add_argument("session", nargs="?", default="", help="a name or id; all without one")
    parser.add_argument("--by", default="day", choices=("day", "model", "stream"))
    parser.add_argument("--output", default="text", choices=("text", "json"))
    return parser


def _files() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tuiagent files", description="What a session changed.")
    parser.add_argument("session", help="a name or id")
    parser.add_argument("--output", default="text", choices=("text", "json"))
    return parser


def _jobs() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent jobs", description="What runs in the background."
    )
    parser.add_argument("what", choices=("list", "kill"))
    parser.add_argument("session", nargs="?", default="", help="a name or id; all without one")
    parser.add_argument("job", nargs="?", default="", help="kill: which, such as job1")
    parser.add_argument("--output", default="text", choices=("text", "json"))
    return parser


def _tools() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent tools", description="What agents can do; add files with tools of your own."
    )
    parser.add_argument("what", choices=("list", "add", "remove"))
    parser.add_argument("file", nargs="?", default="", help="a Python file")
    parser.add_argument("--output", default="text", choices=("text", "json"))
    return parser


def _gc() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog="tuiagent gc", description="Erase deleted sessions whose time is over."
    )


def _backup() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent backup", description="Copy the journal while anybody writes, and verify it."
    )
    parser.add_argument("file", nargs="?", default="", help="where to; else into backups/")
    return parser


SUBPARSERS = {
    "gc": _gc,
    "tools": _tools,
    "jobs": _jobs,
    "backup": _backup,
    "usage": _usage,
    "files": _files,
    "policy": _policy,
    "config": _config,
    "init": _init,
    "attach": _attach,
    "sessions": _sessions,
    "verify": _verify,
    "doctor": _doctor,
}
