"""How a headless run is shown: as text, as one JSON object, or event by event."""

import sys
from typing import Any, Protocol

import msgspec

from tuiagent.clients.clean import clean
from tuiagent.clients.cli import NEEDS_PERSON
from tuiagent.clients.cli.follow import Follow
from tuiagent.kernel import call as calls
from tuiagent.kernel import run as runs
from tuiagent.kernel.event import Event, Seen, Unknown
from tuiagent.kernel.jobs import JobEnded, JobStarted
from tuiagent.kernel.session import PromptRebased


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


def printer(output: str) -> Printer:
    """The printer of this name: text, json or events."""
    return {"text": TextPrinter, "json": JsonPrinter, "events": EventPrinter}[output]()


class TextPrinter:
    """The answer on standard output; progress on standard error, when that is a terminal."""

    def __init__(self) -> None:
        self._progress = sys.stderr.isatty()
        self._live = True

    def live(self) -> None:
        """See Printer."""

    def seen(self, seen: Seen, follow: Follow) -> None:
        """One line for each call and each failure."""
        if self._progress and isinstance(seen, Event):
            line = progress(seen, follow)
            if line:
                print(clean(line), file=sys.stderr)

    def end(self, stream: str, follow: Follow) -> None:
        """The answer, and on standard error whatever else a person must know."""
        ident = stream.partition("/")[2]
        if follow.status == "done" and follow.answer.strip():
            text = clean(follow.answer) if sys.stdout.isatty() else follow.answer
            say(text.strip("\n") + "\n")
        elif follow.answer.strip() and follow.exit != NEEDS_PERSON:
            print(clean(follow.answer), file=sys.stderr)
        if not follow.run:
            print(f"tuiagent: session {ident} has nothing to do", file=sys.stderr)
        if follow.error:
            print(f"tuiagent: {clean(follow.error)}", file=sys.stderr)
        for denied in follow.denied:
            print(f"tuiagent: refused: {clean(denied)}", file=sys.stderr)
        for row in follow.waits:
            what = row.get("question") or f"{row['name']} {brief(row['args'])}"
            print(f"tuiagent: waits for a person: {clean(what)}", file=sys.stderr)
        if follow.waits:
            print(f"tuiagent: answer with: tuiagent attach {ident}", file=sys.stderr)
        for job, args in follow.jobs.items():
            what = clean(f"{job} ({brief(args)})")
            kill = f"tuiagent jobs kill {ident} {job}"
            print(f"tuiagent: {what} still runs; end it with: {kill}", file=sys.stderr)


class JsonPrinter:
    """One JSON object at the end."""

    def live(self) -> None:
        """See Printer."""

    def seen(self, seen: Seen, follow: Follow) -> None:
        """See Printer."""

    def end(self, stream: str, follow: Follow) -> None:
        """Everything that came of the run."""
        value = {
            "session": stream.partition("/")[2],
            "run": follow.run,
            "status": follow.status or ("waiting" if follow.waits else "idle"),
            "exit": follow.exit if follow.run else 0,
            "answer": follow.answer,
            "error": follow.error,
            "model": follow.model,
            "usage": follow.usage,
            "calls": list(follow.calls.values()),
            "denied": follow.denied,
            "waits": follow.waits,
            "jobs": list(follow.jobs),
        }
        say(msgspec.json.encode(value).decode() + "\n")


class EventPrinter:
    """Each fact as one JSON line, as it happens; signals are not among them."""

    def live(self) -> None:
        """See Printer."""

    def seen(self, seen: Seen, follow: Follow) -> None:
        """The event."""
        if isinstance(seen, Event):
            say(msgspec.json.encode(event(seen)).decode() + "\n")

    def end(self, stream: str, follow: Follow) -> None:
        """See Printer."""


def event(seen: Event) -> dict[str, Any]:
    """An event as plain values, its fact's fields under `body`."""
    fact = seen.fact
    body: Any = msgspec.Raw(fact.body) if isinstance(fact, Unknown) else fact
    return {
        "position": seen.position,
        "stream": seen.stream,
        "version": seen.version,
        "at": seen.at,
        "actor": seen.actor,
        "kind": seen.kind,
        "body": body,
    }


def progress(seen: Event, follow: Follow) -> str:
    """One line for what a person who waits wants to know, "" for the rest."""
    fact = seen.fact
    if isinstance(fact, PromptRebased) and fact.model.startswith("scripted/"):
        return f"· {fact.model}: A SCRIPTED MODEL, NOT AN AI"
    if isinstance(fact, PromptRebased):
        return f"· {fact.model}"
    if isinstance(fact, runs.AttemptFailed):
        wait = "" if fact.retry_at is None else f"; again in {fact.retry_at - seen.at:.1f} s"
        return f"✗ {fact.error}{wait}"
    if isinstance(fact, calls.CallStarted):
        row = follow.calls.get(fact.call, {})
        return f"→ {row.get('name', '')} {brief(row.get('args'))}"
    if isinstance(fact, calls.CallFinished):
        row = follow.calls.get(fact.call, {})
        mark = "✓" if fact.observation.status == "ok" else "✗"
        first = fact.observation.text.strip().partition("\n")[0][:100]
        return f"{mark} {row.get('name', '')}: {first}"
    if isinstance(fact, JobStarted):
        return f"… {fact.job} goes on in the background: {brief(fact.args)}"
    if isinstance(fact, JobEnded):
        return f"… {fact.job} has ended ({fact.observation.status})"
    return ""


def brief(args: dict[str, Any] | None) -> str:
    """A call's arguments in one short line."""
    if not args:
        return ""
    values = [value if isinstance(value, str) else str(value) for value in args.values()]
    return " ".join(" ".join(values).split())[:160]


def say(text: str) -> None:
    """Writes to standard output at once; a reader that has gone is no failure."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stderr.close()
