"""How a headless run is shown: as text, as one JSON object, or event by event."""

from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta, Struct

from tuiagent.clients.clean import clean, plain
from tuiagent.clients.cli import NEEDS_PERSON
from tuiagent.clients.cli.follow import Follow
from tuiagent.clients.console import Console, OwnConsole
from tuiagent.kernel import call as calls
from tuiagent.kernel import run as runs
from tuiagent.kernel.event import Erased, Event, Seen, Unknown
from tuiagent.kernel.jobs import JobEnded, JobStarted
from tuiagent.kernel.session import PromptRebased

FAILED = "✗ "
LONG = 4.0
"""Seconds from which on a wait is told where nobody may be watching."""


class Line(Struct, frozen=True):
    """A fact in its place, as `--output events` prints it: one to a line."""

    position: Annotated[int, Meta(description="global, in the order of commit; never reused")]
    stream: Annotated[str, Meta(description="session/ID")]
    version: Annotated[int, Meta(description="the place in the stream: 1, 2, 3 …, no gaps")]
    at: Annotated[float, Meta(description="seconds since 1970, UTC")]
    actor: Annotated[str, Meta(description="who did it")]
    kind: Annotated[str, Meta(description="the fact's name; newer versions may know more")]
    body: Annotated[Any, Meta(description="the fact; null when it was erased")]


class Result(Struct, frozen=True):
    """What came of a run, as `--output json` prints it: one object at the end."""

    session: Annotated[str, Meta(description="its id")]
    run: Annotated[str, Meta(description='its id; "" when there was nothing to do')]
    status: Annotated[
        str,
        Meta(description="done, error, limit, refused, interrupted, cancelled, waiting or idle"),
    ]
    exit: Annotated[int, Meta(description="the exit code of the command")]
    answer: Annotated[str, Meta(description="the model's last words, as they were")]
    structured_output: Annotated[
        Any, Meta(description="the answer as JSON that fits --output-schema, else null")
    ]
    error: Annotated[str, Meta(description='why it is not done; "" when it is')]
    model: Annotated[str, Meta(description="who answered")]
    usage: Annotated[dict[str, int], Meta(description="tokens by kind")]
    calls: Annotated[list[dict[str, Any]], Meta(description="each tool call and its status")]
    denied: Annotated[list[str], Meta(description="why calls were refused by policy")]
    waits: Annotated[list[dict[str, Any]], Meta(description="the calls that need a person")]
    jobs: Annotated[list[str], Meta(description="what still runs in the background")]


class Printer(Protocol):
    """Shows what is seen, and in the end what has come of it."""

    def seen(self, seen: Seen, follow: Follow) -> None:
        """Something was seen."""
        ...

    def live(self) -> None:
        """All history has been seen."""
        ...

    def end(self, stream: str, follow: Follow) -> None:
        """The run is over, or needs a person."""
        ...


def printer(output: str, console: Console) -> Printer:
    """The printer of this name: text, json or events."""
    return {"text": TextPrinter, "json": JsonPrinter, "events": EventPrinter}[output](console)


class TextPrinter:
    """The answer on standard output; progress on standard error, when that is a terminal.

    Elsewhere only what keeps it waiting for long is told there, once.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = console.terminal(2)
        self._failed = ""
        """The last failure that was told."""
        self._held = ""
        """One that may have been the last of all, which is told in the end."""

    def live(self) -> None:
        """See Printer."""

    def seen(self, seen: Seen, follow: Follow) -> None:
        """One line for each call and each failure; none for the same again."""
        if not isinstance(seen, Event):
            return
        held, self._held = self._held, ""
        if isinstance(seen.fact, runs.AttemptFailed):
            self._fails(seen, seen.fact)
        elif self._progress and not isinstance(seen.fact, runs.RunFinished):
            for line in filter(None, (held, progress(seen, follow))):
                self._console.tell(clean(line))

    def _fails(self, seen: Event, fact: runs.AttemptFailed) -> None:
        line, same = failure(seen, fact), self._failed == fact.error
        self._failed = fact.error
        if fact.retry_at is None:
            self._held = line
        elif self._progress and not (same and fact.kind == "loading"):
            self._console.tell(clean(line))
        elif not same and fact.retry_at - seen.at >= LONG:
            self._console.tell(clean(f"tuiagent: {line.removeprefix(FAILED)}"))

    def end(self, stream: str, follow: Follow) -> None:
        """The answer, and on standard error whatever else a person must know."""
        ident, tell = stream.partition("/")[2], self._console.tell
        if follow.status == "done" and follow.answer.strip():
            text = follow.document or follow.answer.strip("\n")
            self._console.say((clean(text) if self._console.terminal(1) else text) + "\n")
        elif follow.answer.strip() and follow.exit != NEEDS_PERSON:
            tell(clean(follow.answer))
        if not follow.run:
            tell(f"tuiagent: session {ident} has nothing to do")
        _complain(self._console, follow)
        for denied in follow.denied:
            tell(f"tuiagent: refused: {clean(denied)}")
        for row in follow.waits:
            what = row.get("question") or f"{row['name']} {brief(row['args'])}"
            tell(f"tuiagent: waits for a person: {clean(what)}")
        if follow.needs:
            tell(f"tuiagent: go on with: tuiagent --headless --resume {ident}")
        elif follow.waits:
            tell(f"tuiagent: answer with: tuiagent attach {ident}")
        for name, args in follow.jobs.items():
            what = clean(f"{name} ({job(args)})")
            kill = f"tuiagent jobs kill {ident} {name}"
            tell(f"tuiagent: {what} still runs; end it with: {kill}")


class JsonPrinter:
    """One JSON object at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def live(self) -> None:
        """See Printer."""

    def seen(self, seen: Seen, follow: Follow) -> None:
        """See Printer."""

    def end(self, stream: str, follow: Follow) -> None:
        """Everything that came of the run."""
        result = Result(
            stream.partition("/")[2],
            follow.run,
            follow.status or ("waiting" if follow.waits else "idle"),
            follow.exit if follow.run else 0,
            follow.answer,
            msgspec.Raw(follow.document.encode()) if follow.document else None,
            follow.error,
            follow.model,
            follow.usage,
            list(follow.calls.values()),
            follow.denied,
            follow.waits,
            list(follow.jobs),
        )
        self._console.say(json_line(result))
        _complain(self._console, follow)


class EventPrinter:
    """Each fact as one JSON line, as it happens; signals are not among them."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def live(self) -> None:
        """See Printer."""

    def seen(self, seen: Seen, follow: Follow) -> None:
        """The event."""
        if isinstance(seen, Event):
            self._console.say(json_line(event(seen)))

    def end(self, stream: str, follow: Follow) -> None:
        """See Printer."""
        _complain(self._console, follow)


def event(seen: Event) -> Line:
    """An event as it is printed, its fact's fields under `body`."""
    fact: Any = seen.fact
    if isinstance(fact, Unknown):
        fact = msgspec.Raw(fact.body)
    elif isinstance(fact, Erased):
        fact = None
    return Line(seen.position, seen.stream, seen.version, seen.at, seen.actor, seen.kind, fact)


def _complain(console: Console, follow: Follow) -> None:
    """Why it is not done, on standard error, whatever is printed elsewhere."""
    if follow.error:
        console.tell(f"tuiagent: {clean(follow.error)}")


def progress(seen: Event, follow: Follow) -> str:
    """One line for what a person who waits wants to know, "" for the rest."""
    fact = seen.fact
    if isinstance(fact, PromptRebased) and fact.model.startswith("scripted/"):
        return f"· {fact.model}: A SCRIPTED MODEL, NOT AN AI"
    if isinstance(fact, PromptRebased):
        return f"· {fact.model}"
    if isinstance(fact, calls.CallStarted):
        row = follow.calls.get(fact.call, {})
        return f"→ {row.get('name', '')} {brief(row.get('args'))}"
    if isinstance(fact, calls.CallFinished):
        row = follow.calls.get(fact.call, {})
        mark = "✓" if fact.observation.status == "ok" else "✗"
        first = fact.observation.text.strip().partition("\n")[0][:100]
        return f"{mark} {row.get('name', '')}: {first}"
    if isinstance(fact, JobStarted):
        return f"… {fact.job} goes on in the background: {job(fact.args)}"
    if isinstance(fact, JobEnded):
        return f"… {fact.job} has ended ({fact.observation.status})"
    return ""


def failure(seen: Event, fact: runs.AttemptFailed) -> str:
    """One line for a model that did not answer, and when it is asked again."""
    if fact.retry_at is None:
        return FAILED + fact.error
    return f"{FAILED}{fact.error.rstrip('.')}; asked again in {fact.retry_at - seen.at:.1f} s"


def brief(args: dict[str, Any] | None) -> str:
    """A call's arguments in one short line."""
    if not args:
        return ""
    values = [value if isinstance(value, str) else str(value) for value in args.values()]
    return " ".join(" ".join(values).split())[:160]


def job(args: dict[str, Any]) -> str:
    """What runs in the background: its command where it has one, in one short line."""
    return brief({"command": args["command"]} if "command" in args else args)


say = OwnConsole().say
"""Writes to this process's standard output at once."""


def json_line(value: object) -> str:
    """The value as one line of JSON that steers no terminal."""
    return plain(msgspec.json.encode(value).decode()) + "\n"


def say_json(value: object) -> None:
    """Writes the value as one line to this process's standard output at once."""
    OwnConsole().say(json_line(value))
