"""Search: which texts of a fact can be found, and where words stand in a text."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, cast

from msgspec import Struct

from tuiagent.kernel import call as calls
from tuiagent.kernel import jobs, lifecycle, prompts
from tuiagent.kernel import run as runs
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import Event, Fact

LARGEST = 64 * 1024
"""Characters of one fact that can be found."""
BEFORE, AROUND = 40, 160
"""Characters of a snippet before the first match, and in all."""
SHAPE = f"1 {unicodedata.unidata_version}"
"""Rises when other texts are found, or folded in another way."""

Passage = tuple[str, str]
"""What kind of text it is (name, prompt, reply, call, output, question, answer or summary), and
the text."""
Phrase = tuple[str, ...]
"""Folded words that stand side by side; the last one may be the beginning of a longer word."""


class Entry(Struct, frozen=True):
    """A text, and the fact that it is of."""

    position: int
    stream: str
    at: float
    kind: str
    text: str


class Hit(Struct, frozen=True):
    """A text in which all words were found."""

    stream: str
    name: str
    title: str
    position: int
    """Of the fact, so that a screen can go there."""
    at: float
    kind: str
    snippet: str
    marks: list[tuple[int, int]]
    """Where the words stand in the snippet: from, to."""


class Findings(Struct, frozen=True):
    """What a search found, the newest first."""

    hits: list[Hit]
    note: str = ""
    """Why it took long, when the index could not be used."""


def _reply(fact: runs.ReplyReceived) -> list[Passage]:
    said = fact.reply
    called = [("call", "\n".join((c.name, c.raw, *_strings(c.args)))) for c in said.calls]
    return [("reply", said.text), *called]


def _strings(value: Any) -> list[str]:
    """Every text in a call's arguments, in order."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(cast(dict[str, Any], value).values())
    if isinstance(value, list):
        return [text for item in cast(list[Any], value) for text in _strings(item)]
    return []


def _question(fact: calls.CallDeferred) -> list[Passage]:
    return [("question", "\n".join((fact.question.text, *fact.question.choices)))]


def _summary(fact: prompts.PromptRebased) -> list[Passage]:
    return [("summary", fact.shortened.summary)] if fact.shortened else []


PASSAGES: dict[type[Fact], Callable[[Any], list[Passage]]] = {
    lifecycle.SessionOpened: lambda fact: [("name", fact.name)],
    lifecycle.SessionNamed: lambda fact: [("name", fact.name)],
    prompts.PromptSubmitted: lambda fact: [("prompt", fact.text)],
    prompts.PromptRebased: _summary,
    runs.ReplyReceived: _reply,
    runs.ReplyInterrupted: lambda fact: [("reply", fact.partial)],
    runs.AttemptFailed: lambda fact: [("reply", fact.partial), ("output", fact.error)],
    calls.CallAmended: lambda fact: [("call", "\n".join(_strings(fact.args)))],
    calls.CallDeferred: _question,
    calls.CallFinished: lambda fact: [("output", fact.observation.text)],
    jobs.JobEnded: lambda fact: [("output", fact.observation.text)],
    calls.ApprovalAnswered: lambda fact: [("answer", fact.reason)],
    calls.QuestionAnswered: lambda fact: [("answer", fact.text)],
    calls.OutcomeResolved: lambda fact: [("answer", fact.text)],
}
"""The texts of each kind of fact that has some."""


def entries(event: Event) -> list[Entry]:
    """What can be found of an event; of a long one the beginning."""
    texts = PASSAGES.get(type(event.fact))
    found: list[Entry] = []
    left = LARGEST
    for kind, text in texts(event.fact) if texts else ():
        if text.strip() and left > 0:
            found.append(Entry(event.position, event.stream, event.at, kind, text[:left]))
            left -= len(text)
    return found


# ---------------------------------------------------------------- words

_ACCENTS = re.compile("[\u0300-\u036f]+")
_ALONE = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff])"
)
"""Characters of scripts that put no space between words: each is a word of its own."""
_SIGNS = re.compile(r"[^\w\x00-\x7f]+")
WORD = r"0-9a-z\x80-\U0010ffff"
"""What words are made of, once a text is folded."""
_BETWEEN = re.compile(f"[^{WORD}]+")


def fold(text: str) -> str:
    """The text without case, accents, widths and signs; words of scripts without spaces fall apart.

    What is left beyond ASCII belongs to words, so that every reader finds the same words.
    """
    if text.isascii():
        return text.lower()
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", text).casefold())
    return _ALONE.sub(r" \1 ", _SIGNS.sub(_marks, unicodedata.normalize("NFKC", bare)))


def _marks(signs: re.Match[str]) -> str:
    """Vowel signs and the like stay: they are parts of words."""
    return "".join(c if unicodedata.category(c)[0] == "M" else " " for c in signs[0])


def phrases(text: str) -> list[Phrase]:
    """What is looked for: one phrase for each word that was typed. Raises Refused for none.

    Signs only separate, so nothing that is typed is taken for an operator: `parse_args` is `parse`
    right before a word that begins with `args`.
    """
    split = (tuple(_BETWEEN.sub(" ", fold(part)).split()) for part in text.split())
    found = list(dict.fromkeys(phrase for phrase in split if phrase))
    if not found:
        raise Refused("say what to look for: at least one letter or digit")
    return found


def patterns(wanted: Sequence[Phrase]) -> list[re.Pattern[str]]:
    """What finds each phrase in a folded text."""
    joined = (_BETWEEN.pattern.join(map(re.escape, phrase)) for phrase in wanted)
    return [re.compile(rf"(?<![{WORD}]){words}") for words in joined]


def matches(text: str, wanted: Sequence[re.Pattern[str]]) -> bool:
    """Whether every phrase is in the text."""
    folded = fold(text)
    return all(pattern.search(folded) for pattern in wanted)


def snippet(text: str, wanted: Sequence[re.Pattern[str]]) -> tuple[str, list[tuple[int, int]]]:
    """A part of one line with the first match, and where the matches stand in it."""
    lines = text.strip().splitlines() or [""]
    line = next((row for row in lines if any(p.search(fold(row)) for p in wanted)), lines[0])
    folded, places = _mapped(line)
    found = [match.span() for pattern in wanted for match in pattern.finditer(folded)]
    spans = sorted((places[start], places[end - 1] + 1) for start, end in found)
    start = max(0, spans[0][0] - BEFORE) if spans else 0
    shown = line[start : start + AROUND].rstrip()
    head = "…" if line[:start].strip() else ""
    tail = "…" if len(line) > start + AROUND else ""
    move, end = len(head) - start, len(head) + len(shown)
    marks = [(a + move, min(b + move, end)) for a, b in spans if a + move < end]
    return head + shown + tail, marks


def _mapped(line: str) -> tuple[str, Sequence[int]]:
    """The folded line, and from which character of the line each of it comes."""
    if line.isascii():
        return line.lower(), range(len(line))
    parts = [fold(char) for char in line]
    return "".join(parts), [place for place, part in enumerate(parts) for _ in part]
