"""What may be said on the command line."""

import argparse
import os
import signal
import sys
from typing import NoReturn

from tuiagent import __version__
from tuiagent.kernel.policy import MODES

EPILOG = """\
commands (tuiagent COMMAND --help, or tuiagent help COMMAND):
  run PROMPT   the same as --headless PROMPT
  attach       watch a session, type and approve, line by line
  sessions     list, show, rename, archive, delete and restore sessions
  files        what a session changed
  jobs         what runs in the background
  tools        what agents can do; add files with tools of your own
  usage        tokens and money
  policy       what may be done, and what was granted
  verify       check the hash chains and the seals of the journal
  doctor       look for what is wrong
  backup       copy the journal while anybody writes, and verify it
  gc           erase deleted sessions whose time is over
  init         write a config.toml that explains every key
  config       read and change it
  schema       the JSON Schemas of what is printed and read
  completion   a completion script for bash, zsh or fish
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
            width = os.get_terminal_size().columns if sys.stdout.isatty() else 80
        super().__init__(prog, width=width - 2)


def parse(argv: list[str]) -> argparse.Namespace:
    """The arguments, with the name of the command in `command`; exits with 2 when wrong."""
    if argv and argv[0] == "help":
        argv = [*argv[1:2], "--help"]
    if argv and argv[0] in SUBPARSERS:
        parser = _helpful(SUBPARSERS[argv[0]]())
        args = parser.parse_intermixed_args(argv[1:])
        args.command = argv[0]
        return _completed(args)
    parser = _helpful(main())
    if argv and argv[0] == "run":
        args = parser.parse_args(argv[1:])
        args.headless = args.headless or ("" if args.prompt else "-")
        return _completed(args)
    _known_command(parser, argv)
    args = parser.parse_args(argv)
    only_headless = (
        args.headless is not None,
        args.once,
        args.output_schema,
        args.output != "text",
    )
    if args.plain and any(only_headless):
        parser.error("--plain goes with none of --headless, --once, --output, --output-schema")
    if args.plain or (not any(only_headless) and sys.stdin and sys.stdin.isatty()):
        args.command = "plain"
        if args.file and not args.prompt:
            parser.error("--file is read along with a prompt: say that too")
    return _completed(args)


def _known_command(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Refuses one word that is nearly a command: it was hardly meant for the model."""
    if not argv or not argv[0].isidentifier():
        return
    from tuiagent.clients.cli.nearest import nearest  # noqa: PLC0415 - only for such a word

    near = nearest(argv[0], ["run", "help", *SUBPARSERS], 0.75)
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
    ("mode", ""),
    ("allow", []),
    ("deny", []),
    ("cwd", "."),
    ("max_turns", 0),
    ("max_cost", 0.0),
    ("max_time", 0.0),
    ("log_level", ""),
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
    parser.add_argument("--mode", default="", choices=MODES, help="what may be done unasked")
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
    _where(parser)
    _outcome(parser)
    levels = ("debug", "info", "warning", "error")
    parser.add_argument(
        "--log-level", default="", choices=levels, help="log into logs/ of the root"
    )
    parser.add_argument("--once", default="", metavar="KEY", help="do this at most once")
    parser.set_defaults(command="headless")
    return parser


def _where(parser: argparse.ArgumentParser) -> None:
    """In which session, with what at hand."""
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


def _attach() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent attach", description="Watch, type and approve, line by line."
    )
    parser.add_argument("session", nargs="?", default="", help="an id, or the start of one")
    return parser


def _sessions() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tuiagent sessions", description="What sessions exist.")
    what = "list show search rename archive unarchive delete restore export import".split()
    parser.add_argument("what", nargs="?", default="list", choices=what)
    session = "a name, an id, or its start; search: a word; import: a file"
    parser.add_argument("session", nargs="?", default="", help=session)
    more = "rename: how it shall be called; search: more words; export: a file"
    parser.add_argument("words", nargs="*", help=more)
    parser.add_argument("--now", action="store_true", help="delete: at once and for good")
    parser.add_argument("--all", action="store_true", help="also what is put away or deleted")
    parser.add_argument("--session", dest="within", default="", help="search: only in this one")
    formats = ("markdown", "json", "events")
    parser.add_argument("--format", default="markdown", choices=formats, help="export: as what")
    parser.add_argument("--force", action="store_true", help="export: replace the file")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="search: how many")
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


def _schema() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent schema", description="The JSON Schemas of what is printed and read."
    )
    parser.add_argument(
        "what",
        choices=("events", "result", "config"),
        help="a line of --output events, the object of --output json, or config.toml",
    )
    return parser


def _completion() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent completion",
        description="Print a completion script.",
        epilog=COMPLETION,
        formatter_class=Help,
    )
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))
    return parser


def _complete() -> argparse.ArgumentParser:
    signal.setitimer(signal.ITIMER_REAL, 0.5)  # whoever pressed Tab is not kept waiting
    parser = argparse.ArgumentParser(prog="tuiagent __complete")
    parser.add_argument("what", choices=("sessions", "models"))
    return parser


def _reset() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog="tuiagent reset",
        description="Repair a terminal that a killed program left broken; harmless on a healthy "
        "one. To repair another terminal: tuiagent reset >/dev/pts/N",
    )


COMPLETION = """\
bash: eval "$(tuiagent completion bash)" in ~/.bashrc
zsh:  tuiagent completion zsh >DIR/_tuiagent, with DIR in $fpath
fish: tuiagent completion fish >~/.config/fish/completions/tuiagent.fish
"""


SUBPARSERS = {
    "schema": _schema,
    "completion": _completion,
    "__complete": _complete,
    "reset": _reset,
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
