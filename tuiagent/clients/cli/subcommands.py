"""What may be said to the commands that look after what there is."""

import argparse
import signal

from tuiagent.clients.cli.able import ABLE
from tuiagent.clients.cli.arguments import Help
from tuiagent.kernel.directory import SCOPES
from tuiagent.kernel.policy import NAMES
from tuiagent.views.runs import ENDS, WAITS


def _attach() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent attach", description="Watch, type and approve, wherever it goes on."
    )
    parser.add_argument("session", nargs="?", default="", help="an id, or the start of one")
    parser.add_argument("--plain", action="store_true", help="line by line: nothing redrawn")
    return parser


def _sessions() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tuiagent sessions", description="What sessions exist.")
    what = "list show get create input search rename archive unarchive delete restore export import"
    parser.add_argument("what", nargs="?", default="list", choices=what.split())
    session = "a name, an id, or its start; search: a word; import: a file"
    parser.add_argument("session", nargs="?", default="", help=session)
    more = "rename: how it shall be called; input: what is said, or -; search: more; export: a file"
    parser.add_argument("words", nargs="*", help=more)
    parser.add_argument("--now", action="store_true", help="delete: at once and for good")
    parser.add_argument("--all", action="store_true", help="also what is put away or deleted")
    parser.add_argument("--session", dest="within", default="", help="search: only in this one")
    formats = ("markdown", "json", "events")
    kinds = "export: as what; markdown and json are for reading, with placeholders for secrets; "
    kinds += "events is whole, secrets too but for keys known here, to be imported"
    parser.add_argument("--format", default="", choices=formats, help=kinds)
    replay = "export: a bundle that plays the session again, with placeholders for secrets"
    parser.add_argument("--replay", default="", metavar="FILE", help=replay)
    parser.add_argument("--force", action="store_true", help="export: replace the file")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="search: how many")
    parser.add_argument("--cwd", default=".", metavar="DIR", help="create: the folder to work in")
    model = "create, input: who answers"
    parser.add_argument("--model", default="", metavar="PROVIDER/MODEL", help=model)
    parser.add_argument("--mode", default="", choices=NAMES, help="create, input: likewise")
    parser.add_argument("--no-sandbox", action="store_true", help="commands run unconfined")
    parser.add_argument("--output", default="text", choices=("text", "json"))
    return parser


def _keys() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent keys",
        description="The keys of models, in the system's keyring; none is ever printed.",
    )
    choices = ("list", "set", "delete", "test", "unlock")
    parser.add_argument("what", nargs="?", default="list", choices=choices)
    file = "set: in a file that a passphrase opens, in place of the keyring; unlock opens it"
    parser.add_argument("--file", action="store_true", help=file)
    whose = "a provider, such as openai; test: PROVIDER/MODEL"
    parser.add_argument("name", nargs="?", default="", help=whose)
    command = "set: have the key from this command, such as 'op read …', in place of the keyring"
    parser.add_argument("--command", dest="told_by", default="", metavar="COMMAND", help=command)
    return parser


def _replay() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent replay",
        description="Play a session again that was exported with --replay: no model, no network.",
    )
    parser.add_argument("file", help="the bundle")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--speed", default="1x", metavar="N", help="so many times as fast, such as 4x")
    how.add_argument("--step", action="store_true", help="one frame for each Enter")
    parser.add_argument("--plain", action="store_true", help="line by line (the only way yet)")
    return parser


def _docs() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent docs", description="The guides: lists them, or prints one."
    )
    parser.add_argument("topic", nargs="?", default="", help="one of those that are listed")
    return parser


def _runs() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent runs", description="What was asked of the agents, and what came of it."
    )
    what = "list show get wait follow stream cancel answer".split()
    parser.add_argument("what", nargs="?", default="list", choices=what)
    parser.add_argument("run", nargs="?", default="", help="an id, or the start of one")
    parser.add_argument("call", nargs="?", default="", help="answer: which, if several ask")
    parser.add_argument("--session-id", default="", metavar="NAME", help="only of this session")
    statuses = ("queued", "running", *WAITS, *sorted(ENDS))
    parser.add_argument("--status", default="", choices=statuses, help="list: only those")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="list: how many")
    parser.add_argument("--timeout", type=float, default=0.0, metavar="SECONDS", help="wait")
    help = "follow: what comes after this position"
    parser.add_argument("--after", type=int, default=0, metavar="POSITION", help=help)
    say = parser.add_mutually_exclusive_group()
    say.add_argument("--allow", dest="yes", action="store_true", help="answer: yes, this once")
    say.add_argument("--deny", dest="no", action="store_true", help="answer: no")
    say.add_argument("--answer", metavar="TEXT", help="answer: to a question")
    help = "answer: yes, and this rule for the session, such as 'shell(git *) for 1h'"
    say.add_argument("--rule", nargs="?", const="", metavar="RULE", help=help)
    say.add_argument("--edit", metavar="JSON", help="answer: yes, with these arguments changed")
    parser.add_argument("--reason", default="", help="answer: why not")
    formats = ("text", "json", "events")
    parser.add_argument("--output", default="text", choices=formats, help="events: follow only")
    return parser


def _status() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent status", description="What goes on, and what waits for you."
    )
    parser.add_argument("--output", default="text", choices=("text", "json"))
    return parser


def _capabilities() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent capabilities", description="What this installation can do."
    )
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
    parser.add_argument("--mode", default="", choices=NAMES)
    parser.add_argument("--cwd", default=".", metavar="DIR")
    parser.add_argument("--output", default="text", choices=("text", "json"))
    return parser


def _access() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent access", description="Who may use the server, and with which keys."
    )
    parser.add_argument("what", choices=("list", "issue", "revoke", "remove"))
    name = "issue, remove: an actor; revoke: the id of a key, or its start"
    parser.add_argument("name", nargs="?", default="", help=name)
    kinds = ("person", "agent", "service")
    parser.add_argument("--kind", default="", choices=kinds, help="issue: what a new actor is")
    parser.add_argument(
        "--scope",
        nargs="+",
        action="extend",
        default=[],
        choices=SCOPES,
        metavar="SCOPE",
        help=f"issue: what the key may, of {', '.join(SCOPES)}; without one, nothing",
    )
    parser.add_argument("--label", default="", help="issue: what the key is called")
    term = "issue: after how long it expires, such as 12h or 30d; never without"
    parser.add_argument("--expires", default="", metavar="TERM", help=term)
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
        prog="tuiagent schema", description="The schemas of what is printed, read and served."
    )
    parser.add_argument(
        "what",
        choices=("events", "result", "config", "openapi", "asyncapi"),
        help="a line of --output events, the object of --output json, config.toml, or the "
        "documents of the web server's API",
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


def _serve() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent serve",
        description="Go on with sessions in the background, for clients here and over the web.",
    )
    parser.add_argument("--host", default="", metavar="ADDRESS", help="127.0.0.1 else")
    parser.add_argument("--port", default="", metavar="N", help="4000 else")
    parser.add_argument(
        "--listen", action="append", default=[], metavar="ADDRESS:PORT", help="as often as you like"
    )
    parser.add_argument(
        "--auth", default="key", choices=("key", "none"), help="none: anybody on this machine"
    )
    parser.add_argument("--public-url", default="", metavar="URL", help="how others reach it")
    parser.add_argument(
        "--cors-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="whose pages may use it",
    )
    parser.add_argument("--print-key", action="store_true", help="print your key for the web")
    parser.add_argument("--stop", action="store_true", help="end the server; it drains first")
    parser.add_argument("--restart", action="store_true", help="end it, and begin a new one")
    parser.add_argument("--install", action="store_true", help="as a service of yours, for good")
    parser.add_argument("--uninstall", action="store_true", help="end and remove that service")
    parser.add_argument("--force", action="store_true", help="replace a service's file you changed")
    parser.add_argument("--ready", type=int, default=-1, help=argparse.SUPPRESS)
    return parser


def _web() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent web", description="The full screen in a browser, by the background server."
    )
    parser.add_argument("--cwd", default=".", metavar="DIR", help="the folder to work in")
    parser.add_argument("--port", default="", metavar="N", help="where none listens yet: 4000 else")
    parser.add_argument("--print", dest="only", action="store_true", help="only print the link")
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
    **ABLE,
    "jobs": _jobs,
    "backup": _backup,
    "usage": _usage,
    "files": _files,
    "policy": _policy,
    "access": _access,
    "config": _config,
    "init": _init,
    "attach": _attach,
    "sessions": _sessions,
    "replay": _replay,
    "docs": _docs,
    "runs": _runs,
    "status": _status,
    "capabilities": _capabilities,
    "verify": _verify,
    "doctor": _doctor,
    "keys": _keys,
    "serve": _serve,
    "web": _web,
}
