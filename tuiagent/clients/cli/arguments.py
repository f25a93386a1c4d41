"""What may be said on the command line."""

import argparse
import os
import sys
from typing import NoReturn

from tuiagent import __version__
from tuiagent.clients.cli import COMMANDS, OFFLINE
from tuiagent.clients.terminal import able
from tuiagent.config import Flags
from tuiagent.kernel.message import EFFORTS
from tuiagent.kernel.policy import NAMES
from tuiagent.registry import load

DRAWN = "TEXTUAL_DRIVER"
"""Set where another program draws what Textual makes, such as a server in a browser's window."""
UNNAMED = ("headless", "plain", "tui")
"""Commands that flags and the terminal choose."""
NAMED = tuple(name for name in (*COMMANDS, *OFFLINE) if name not in UNNAMED)
"""Commands that are called by their names; for the others stand flags."""

EPILOG = """\
commands (tuiagent COMMAND --help, or tuiagent help COMMAND):
  run PROMPT   the same as --headless PROMPT
  attach       watch a session, type and approve
  sessions     list, show, create, rename, archive, delete and restore sessions
  replay       play an exported session again, without model or network
  runs         list, show, wait for, follow, cancel and answer what goes on
  status       what goes on, and what waits for you
  capabilities what there is of providers, tools, runtimes
  files        what a session changed
  serve        go on with sessions in the background
  web          the full screen in a browser, by that server
  jobs         what runs in the background
  tools        what agents can do; add files with tools of your own
  mcp          servers that lend tools: list, add, remove, trust, sign in, test
  skills       list, show and check what is written for agents
  trust        what a folder's files would run, and whether they may
  usage        tokens and money
  policy       what may be done, and what was granted
  access       who may use the server: issue, list and revoke keys
  keys         keep, test and forget the keys of models
  verify       check the hash chains and the seals of the journal
  doctor       look for what is wrong
  backup       copy the journal while anybody writes, and verify it
  gc           erase deleted sessions whose time is over
  init         write a config.toml that explains every key
  config       read and change it
  schema       the schemas of what is printed, read and served
  completion   a completion script for bash, zsh or fish
  docs         the guides
  reset        repair a terminal that a killed program left broken

exit codes: 0 done, 1 error, 2 usage, 3 limit reached, 4 refused, 5 needs a person, 130 cancelled

  tuiagent --headless "why does test_x fail?"      one prompt, the answer on standard output
  tuiagent --plain                                 talk line by line, also with a screen reader
"""


class Help(argparse.RawDescriptionHelpFormatter):
    """Finds its width without the module that argparse loads for that, 2 ms of each start."""

    def __init__(self, prog: str) -> None:
        columns = os.environ.get("COLUMNS", "")
        if columns.isdigit():
            width = int(columns)
        else:
            width = os.get_terminal_size().columns if os.isatty(1) else 80
        super().__init__(prog, width=width - 2)


def parse(argv: list[str]) -> argparse.Namespace:
    """The arguments, with the name of the command in `command`; exits with 2 when wrong."""
    if argv and argv[0] == "help":
        argv = [*argv[1:2], "--help"]
    if argv and argv[0] in NAMED:
        parser = _helpful(load("tuiagent.clients.cli.subcommands:SUBPARSERS")[argv[0]]())
        args = parser.parse_intermixed_args(argv[1:])
        args.command = argv[0]
        if args.command == "attach" and not args.plain and able():
            args = main().parse_args([], argparse.Namespace(command="tui", attach=args.session))
        return _completed(args)
    return prompted(argv)


def prompted(argv: list[str], silent: bool = False) -> argparse.Namespace:
    """The arguments where no command is named; exits with 2 when wrong.

    Silent, it says nothing of that, nor what is asked for by --help.
    """
    parser = _helpful(main())
    if silent:
        parser._print_message = lambda message, file=None: None
    if argv and argv[0] == "run":
        args = parser.parse_args(argv[1:])
        args.headless = args.headless or ("" if args.prompt else "-")
        return _completed(_detachable(parser, args))
    _known_command(parser, argv)
    args = parser.parse_args(argv)
    only_headless = (
        args.headless is not None,
        args.once,
        args.output_schema,
        args.output != "text",
        args.detach,
    )
    if args.plain and any(only_headless):
        parser.error("--plain goes with none of --headless, --once, --output…, --detach")
    person = sys.stdin and (sys.stdin.isatty() or DRAWN in os.environ)
    if args.plain or (not any(only_headless) and person):
        args.command = "plain" if args.plain or not (able() or DRAWN in os.environ) else "tui"
        if (args.file or args.image) and not args.prompt:
            parser.error("--file and --image go along with a prompt: say that too")
    return _completed(_detachable(parser, args))


def _detachable(parser: argparse.ArgumentParser, args: argparse.Namespace) -> argparse.Namespace:
    """The arguments, unless --detach cannot hold with the rest."""
    if args.detach and (args.output_schema or args.output == "events"):
        parser.error("--detach tells a run's id: no --output-schema, and no --output events")
    if args.detach and args.local:
        parser.error("--detach has the background server do it, --local this process: say one")
    return args


def flags(args: argparse.Namespace, folder: str = "") -> Flags:
    """What they say of the settings, to a command that was called in this folder."""
    unset = "locked" if args.command == "headless" else "ask"
    limits = (args.max_turns, args.max_cost, args.max_time)
    where = os.path.join(folder, args.cwd)
    skills = [name for text in args.skills for name in text.split(",") if name]
    said = (where, args.model, args.mode, args.allow, args.deny)
    return Flags(*said, *limits, unset, skills, args.no_sandbox, args.effort)


def _known_command(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Refuses one word that is nearly a command: it was hardly meant for the model."""
    if not argv or not argv[0].isidentifier():
        return
    from tuiagent.clients.cli.nearest import nearest  # noqa: PLC0415 - only for such a word

    near = nearest(argv[0], ["run", "help", *NAMED], 0.75)
    if near:
        parser.error(
            f"there is no command {argv[0]!r}; did you mean {near!r}? "
            f"To say it to the model: tuiagent run {argv[0]}"
        )


def _helpful(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The parser, which names the nearest when it does not know something."""
    plain = parser.error

    def error(message: str) -> NoReturn:
        from tuiagent.clients.cli.nearest import hint  # noqa: PLC0415 - only for a mistake

        plain(message + hint(message, [o for a in parser._actions for o in a.option_strings]))

    parser.error = error
    return parser


def _completed(args: argparse.Namespace) -> argparse.Namespace:
    """Fills in what only some commands know, so that every command finds every name."""
    for name, value in USUAL:
        if not hasattr(args, name):
            setattr(args, name, value)
    return args


USUAL = (
    ("model", ""),
    ("effort", ""),
    ("mode", ""),
    ("allow", []),
    ("deny", []),
    ("skills", []),
    ("cwd", "."),
    ("max_turns", 0),
    ("no_sandbox", False),
    ("max_cost", 0.0),
    ("max_time", 0.0),
    ("log_level", ""),
    ("local", False),
    ("attach", None),
)
"""What every command has, with its value where the command does not know it."""


def main() -> argparse.ArgumentParser:
    """What is understood without the name of a command."""
    parser = argparse.ArgumentParser(
        prog="tuiagent",
        description="A terminal coding assistant whose work outlives its window.",
        usage="tuiagent [--headless PROMPT | -p PROMPT | --plain [PROMPT]] [options]\n"
        "       tuiagent COMMAND [options]",
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
    parser.add_argument(
        "--plain", action="store_true", help="talk line by line: no colours, nothing redrawn"
    )
    parser.add_argument("prompt", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--model", default="", metavar="PROVIDER/MODEL", help="who answers")
    parser.add_argument("--effort", default="", choices=EFFORTS, help="how much the model thinks")
    parser.add_argument("--mode", default="", choices=NAMES, help="what may be done unasked")
    parser.add_argument(
        "--no-sandbox", action="store_true", help="say openly that commands run unconfined"
    )
    for action in ("allow", "deny"):
        parser.add_argument(
            f"--{action}",
            action="append",
            default=[],
            metavar="RULE",
            help=f"{action} calls: TOOL or TOOL(PATTERN), such as 'shell(git status)'",
        )
    skills = "told whole from the beginning, such as review-diff,write-tests"
    parser.add_argument("--skills", action="append", default=[], metavar="NAMES", help=skills)
    _where(parser)
    _outcome(parser)
    levels = ("debug", "info", "warning", "error")
    parser.add_argument(
        "--log-level", default="", choices=levels, help="log into logs/ of the root"
    )
    parser.add_argument(
        "--local", action="store_true", help="do it in this process, though a server runs"
    )
    parser.add_argument("--once", default="", metavar="KEY", help="do this at most once")
    parser.add_argument(
        "--detach", action="store_true", help="print the run's id; the background server does it"
    )
    parser.set_defaults(command="headless")
    return parser


def _where(parser: argparse.ArgumentParser) -> None:
    """In which session, with what at hand."""
    parser.add_argument("--cwd", default=".", metavar="DIR", help="the folder to work in")
    parser.add_argument(
        "--continue", dest="newest", action="store_true", help="go on with this folder's newest"
    )
    parser.add_argument(
        "--new", action="store_true", help="begin anew, though something goes on in this folder"
    )
    parser.add_argument("--resume", default="", metavar="ID", help="go on with this session")
    parser.add_argument(
        "--file", action="append", default=[], metavar="PATH", help="a text file to be read along"
    )
    parser.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="PATH",
        help="an image or a PDF that the model is shown",
    )
    parser.add_argument("--fork", default="", metavar="ID", help="begin with a copy of this one")
    parser.add_argument("--name", default="", help="what the new session is called")


def _outcome(parser: argparse.ArgumentParser) -> None:
    """How it is told, and how far it may go."""
    parser.add_argument(
        "--output", default="text", choices=("text", "json", "events"), help="see tuiagent schema"
    )
    parser.add_argument(
        "--output-schema", default="", metavar="FILE", help="a JSON Schema that the answer fits"
    )
    parser.add_argument(
        "--max-turns", type=int, default=0, metavar="N", help="model replies of one prompt"
    )
    parser.add_argument("--max-cost", type=float, default=0.0, metavar="USD", help="likewise")
    parser.add_argument("--max-time", type=float, default=0.0, metavar="SECONDS", help="likewise")
