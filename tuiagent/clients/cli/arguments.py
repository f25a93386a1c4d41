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
        args = SUBPARSERS[argv[0]]().parse_args(argv[1:])
        args.command = argv[0]
        return _completed(args)
    return _completed(_main().parse_args(argv))


def _completed(args: argparse.Namespace) -> argparse.Namespace:
    """Fills in what only some commands know, so that every command finds every name."""
    for name, value in (("model", ""), ("mode", ""), ("allow", []), ("deny", []), ("cwd", ".")):
        if not hasattr(args, name):
            setattr(args, name, value)
    return args


def _main() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent",
        description="A terminal coding assistant whose work outlives its window.",
        usage="tuiagent [--headless PROMPT | -p PROMPT] [options]\n"
        "       tuiagent attach|sessions|verify|doctor [-h]",
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
    parser.add_argument("--output", default="text", choices=("text", "json", "events"))
    parser.add_argument("--max-turns", type=int, default=0, metavar="N", help="model replies")
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
    parser.add_argument("what", choices=("list", "show"))
    parser.add_argument("session", nargs="?", default="", help="an id, or the start of one")
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


SUBPARSERS = {
    "attach": _attach,
    "sessions": _sessions,
    "verify": _verify,
    "doctor": _doctor,
}
