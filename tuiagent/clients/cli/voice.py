"""Says in words, line by line, what happens in a session: for any terminal and any screen reader.

Nothing is coloured, moved or drawn again. Where the locale is not UTF-8, everything is ASCII.
"""

import os
import re
import sys
import time
from collections.abc import Mapping
from typing import Any

from tuiagent.clients.clean import clean
from tuiagent.clients.cli.follow import Follow
from tuiagent.clients.cli.printers import brief, job, say
from tuiagent.kernel import call as calls
from tuiagent.kernel import run as runs
from tuiagent.kernel import session
from tuiagent.kernel.event import Event, Unknown
from tuiagent.kernel.grants import RuleGranted
from tuiagent.kernel.jobs import JobEnded, JobStarted
from tuiagent.kernel.rules import Rule
from tuiagent.views.transcript import NOTICES

INDENT = "  "
SHOWN = 20
"""Lines of each argument that are shown for an approval."""
SIGNS = str.maketrans(
    {
        "–": "-",
        "—": "-",
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "…": "...",
        "→": "->",
        "•": "*",
        "·": "*",
        "✓": "ok",
        "✗": "x",
        "\u00a0": " ",
    }
)
"""How common signs are written without them; never in what is to be approved."""


def utf8(environ: Mapping[str, str]) -> bool:
    """Whether the terminal's text is UTF-8, as the locale says.

    Python itself reads C as UTF-8, and then has set LC_CTYPE, which says nothing any more.
    """
    names = ("LC_ALL", "LANG") if sys.flags.utf8_mode else ("LC_ALL", "LC_CTYPE", "LANG")
    locale = next((environ[name] for name in names if environ.get(name)), "")
    return locale.lower().replace("-", "").partition("@")[0].endswith("utf8")


class Voice:
    """Writes to standard output; an announcement always begins a line."""

    def __init__(self) -> None:
        self._ascii = not utf8(os.environ)
        self._open = False
        """Whether the last line is not ended yet."""
        self._asides: list[str] = []
        """Announcements that wait for its end."""

    def speaker(self, who: str) -> None:
        """Announces whose words come now."""
        self.end()
        self._say(f"{who}: ")

    def text(self, text: str) -> None:
        """Some of what the model or a command writes, as it comes.

        Only announcements begin a line: whatever is written, it cannot look like one.
        """
        words = clean(text)
        if not self._open and words and words[0] != "\n":
            words = INDENT + words
        self._say(re.sub(r"\n(?=[^\n])", f"\n{INDENT}", self._folded(words)))

    def line(self, text: str) -> None:
        """An announcement in a line of its own; if it has more, they are indented."""
        self.exact(self._folded(text))

    def exact(self, text: str) -> None:
        """An announcement in which every sign counts: what is not ASCII is at most escaped."""
        self.end()
        self._say(clean(text).replace("\n", f"\n{INDENT}") + "\n")

    def aside(self, text: str) -> None:
        """An announcement that interrupts nobody: what is being said is said to its line's end."""
        self._asides.append(text)
        if not self._open:
            self.end()

    def end(self, always: bool = False) -> None:
        """Ends the line, if one is open, or in any case."""
        if self._open or always:
            self._say("\n")
        asides, self._asides = self._asides, []
        for text in asides:
            self.line(text)

    def _folded(self, text: str) -> str:
        return text.translate(SIGNS) if self._ascii else text

    def _say(self, text: str) -> None:
        if self._ascii:
            text = text.encode("ascii", "backslashreplace").decode()
        if text:
            self._open = not text.endswith("\n")
            say(text)

    def tell(self, seen: Event, follow: Follow, actor: str) -> None:
        """What happened, unless it is no news; `actor` is who listens."""
        fact = seen.fact
        if isinstance(fact, session.PromptSubmitted):
            self.line(f"{'you' if seen.actor == actor else seen.actor}: {fact.text}")
        elif isinstance(fact, calls.CallJudged) and fact.verdict.decision == "ask":
            self._approval(fact, follow)
        elif isinstance(fact, calls.CallDeferred):
            choices = f" ({' / '.join(fact.question.choices)})" if fact.question.choices else ""
            self.line(f"question: {fact.question.text}{choices}\nanswer: /answer TEXT")
        elif isinstance(fact, session.PromptRebased) and fact.shortened:
            self.line(f"note: the conversation was made shorter: {fact.reason}")
        elif isinstance(fact, runs.ReplyReceived):
            self._rescued([call.name for call in fact.reply.calls if call.rescued])
        elif type(fact) in NOTICES:
            self.line(f"note: {NOTICES[type(fact)](fact)}")
        else:
            line = _line(seen, follow)
            if line:
                self.exact(line)

    def _rescued(self, names: list[str]) -> None:
        if names:
            taken = "the model wrote this as text, and it was taken for a call"
            self.line(f"note: {taken}: {', '.join(names)}")

    def _approval(self, fact: calls.CallJudged, follow: Follow) -> None:
        row = follow.calls.get(fact.call, {})
        offer = fact.verdict.offer
        first = fact.claims.subject.partition("\n")[0]
        name = fact.claims.tool if fact.claims.server else row.get("name")
        self.exact(f"asks: may it? {name} [{fact.call}]: {first}")
        for name, value in (row.get("args") or {}).items():
            lines = str(value).strip("\n").split("\n")
            for line in lines[:SHOWN]:
                self.exact(f"    {name}: {line}")
            if len(lines) > SHOWN:
                self.exact(f"    {name}: ({len(lines) - SHOWN} more lines)")
        if fact.claims.server:
            self.exact(f"  {fact.claims.server} says of it: {fact.claims.about}")
        self.exact(f"  because: {fact.verdict.reason}")
        session_wide = f", s = yes, and {offer} for this session" if offer else ""
        self.exact(f"  answer: y = yes, n = no{session_wide}, /help = more")

    def past(self, item: dict[str, Any]) -> None:
        """An item of the transcript as it was before."""
        text = item.get("text") or item.get("output") or ""
        name = f" {item['name']}" if item.get("name") else ""
        head = f"{item['kind']}{name} {item.get('status', '')}".strip()
        self.exact(" ".join(filter(None, (f"[{head}]", brief(item.get("args")), text[:400]))))


def _term(rule: Rule) -> str:
    """How long a rule of this session holds."""
    if rule.uses:
        return f" for {rule.uses} {'use' if rule.uses == 1 else 'uses'}"
    if rule.until:
        return f" until {time.strftime('%Y-%m-%d %H:%M', time.localtime(rule.until))}"
    return " for this session"


def _line(seen: Event, follow: Follow) -> str:
    """One line for what a person who waits wants to know, "" for the rest."""
    fact = seen.fact
    row = follow.calls.get(getattr(fact, "call", ""), {})
    name = row.get("name", "")
    if isinstance(fact, session.SessionOpened):
        return f"opened: in {fact.folder}, mode {fact.mode}"
    if isinstance(fact, session.PromptRebased):
        scripted = ": A SCRIPTED MODEL, NOT AN AI" if fact.model.startswith("scripted/") else ""
        return f"model: {fact.model}{scripted}"
    if isinstance(fact, runs.AttemptFailed):
        wait = "" if fact.retry_at is None else f"; again in {fact.retry_at - seen.at:.1f} s"
        return f"trouble: {fact.error}{wait}"
    if isinstance(fact, RuleGranted):
        return f"allowed: {fact.rule}{_term(fact.rule)}"
    if isinstance(fact, calls.CallAmended):
        return f"changed: {name} {brief(fact.args)}"
    if isinstance(fact, calls.CallStarted):
        return f"runs: {name} {brief(row.get('args'))}"
    if isinstance(fact, calls.CallFinished):
        first = fact.observation.text.strip().partition("\n")[0][:100]
        return f"{fact.observation.status}: {name}: {first}"
    if isinstance(fact, JobStarted):
        return f"job: {fact.job} goes on in the background: {job(fact.args)}"
    if isinstance(fact, JobEnded):
        return f"job: {fact.job} has ended: {fact.observation.status}"
    if isinstance(fact, runs.RunFinished):
        return f"end: {fact.status}{': ' + fact.error if fact.error else ''}"
    if isinstance(fact, Unknown):
        return f"note: something that this version does not know ({fact.kind})"
    return ""
