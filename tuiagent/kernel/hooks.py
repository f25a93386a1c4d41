"""Hooks: commands of people's own that are run when something happens, and what they say of it.

They may refuse, ask, stop, or add words for the model; what they allow counts for nothing.
See https://docs.claude.com/en/docs/claude-code/hooks for what they are given and what they answer.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tuiagent.kernel.event import Fact, Intent

BEFORE, AFTER, PROMPT, STOP, START, END = (
    "PreToolUse",
    "PostToolUse",
    "UserPromptSubmit",
    "Stop",
    "SessionStart",
    "SessionEnd",
)
EVENTS = (BEFORE, AFTER, PROMPT, STOP, START, END)
LONGEST = 600.0
"""Seconds that a hook may take at most."""
WORDS = 10_000
"""Characters of what it says that are kept."""
SILENT = "it gave no reason"
LIST = re.compile(r"[A-Za-z0-9_\-\s,|]*")
"""A matcher that is a list of names."""
UNHEARD = (
    "updatedInput",
    "updatedToolOutput",
    "updatedMCPToolOutput",
    "sessionTitle",
    "initialUserMessage",
    "watchPaths",
    "reloadSkills",
    "terminalSequence",
)
"""What other programs take from a hook's answer, and this one does not: it would change what was
said, or what was judged, or write to the terminal."""
AGAIN = 5
"""How often in one run hooks may have the model go on when it wants to end."""
NAMES = {
    "shell": ("Bash",),
    "terminal": ("Bash",),
    "read": ("Read",),
    "write": ("Write",),
    "edit": ("Edit",),
    "notebook": ("NotebookEdit",),
    "patch": ("MultiEdit", "Edit"),
    "move": ("Write", "Edit"),
    "delete": ("Write", "Edit"),
    "glob": ("Glob",),
    "search": ("Grep",),
    "list": ("LS",),
    "todo": ("TodoWrite",),
    "fetch": ("WebFetch",),
    "web_search": ("WebSearch",),
    "skill": ("Skill",),
    "ask": ("AskUserQuestion",),
    **dict.fromkeys(("git_status", "git_diff", "git_log", "git_commit"), ("Bash",)),
}
"""What other programs call our tools, so that hooks that were written for those count here."""


class Ruling(Struct, frozen=True, omit_defaults=True):
    """What one hook said."""

    source: str
    """The file that it is from."""
    command: str
    decision: str = ""
    """deny, ask, block (a prompt, or the end of a run), stop (the run), failed; "" for none."""
    reason: str = ""
    """Why, or how it failed."""
    context: str = ""
    """Words for the model."""
    note: str = ""
    """Words for the person."""
    unheard: tuple[str, ...] = ()
    """What it said, or its file says, that counts for nothing here."""

    @property
    def silent(self) -> bool:
        """Whether nothing is to be told of it."""
        return not (self.decision or self.context or self.note or self.unheard)


# ---------------------------------------------------------------- facts


class HookRan(Fact, frozen=True):
    """Hooks were run, and at least one of them had something to say, or failed."""

    event: str
    about: str
    """The prompt, call or run that it was about."""
    rulings: tuple[Ruling, ...]


# ---------------------------------------------------------------- intents


class ReportHooks(Intent, frozen=True):
    """Hooks were run for what is about to go on, or to end."""

    event: str
    about: str
    rulings: tuple[Ruling, ...] = ()


# ---------------------------------------------------------------- what they say


def fits(matcher: str, names: Iterable[str]) -> bool:
    """Whether a matcher means one of these names.

    It is a list of whole names, or, where it has other characters than such a list, a regular
    expression that a part of a name has to fit.
    """
    if matcher in ("", "*"):
        return True
    if LIST.fullmatch(matcher):
        return not {one.strip() for one in re.split(r"[|,]", matcher)}.isdisjoint(names)
    return any(re.search(matcher, name) for name in names)


def ruling(event: str, source: str, command: str, code: int, out: str, err: str) -> Ruling:
    """What a hook's exit code and its output mean.

    Code 2 refuses. A JSON object on standard output says more with any code, and in place of any
    other; without one another code than 0 is a failure, and with code 0 what a hook of a prompt or
    of a session's start prints is for the model.
    """
    said = Ruling(source, command)
    try:
        answer = _object(out)
    except ValueError as error:
        if code != 2:
            return replace(said, decision="failed", reason=_cut(str(error)))
        answer = None
    found = _answered(event, said, answer or {})
    if code == 2 and not found.decision:
        return replace(found, decision=_refusal(event), reason=_cut(err) or SILENT)
    if code and answer is None:
        return replace(said, decision="failed", reason=_cut(f"exit {code}: {err or out}"))
    if answer is None and event in (PROMPT, START):
        return replace(said, context=_cut(out))
    return found


def _answered(event: str, said: Ruling, answer: dict[str, Any]) -> Ruling:
    """What the JSON object says; nothing of it makes anything looser."""
    given = answer.get("hookSpecificOutput")
    more = cast(dict[str, Any], given) if isinstance(given, dict) else {}
    decision, reason = _decided(event, answer, more)
    if answer.get("continue") is False:
        decision, reason = "stop", _text(answer.get("stopReason")) or reason or "it said stop"
    allows = more.get("permissionDecision") == "allow" or answer.get("decision") == "approve"
    unheard = [name for name in UNHEARD if name in more or name in answer]
    return replace(
        said,
        decision=decision,
        reason=_cut(reason),
        context=_cut(_text(more.get("additionalContext"))),
        note=_cut(_text(answer.get("systemMessage"))),
        unheard=("allow",) * allows + tuple(unheard),
    )


def _decided(event: str, answer: dict[str, Any], more: dict[str, Any]) -> tuple[str, str]:
    """The decision and its reason; what would allow is not one."""
    told = more.get("permissionDecision")
    if event == BEFORE and told in ("deny", "ask", "defer"):
        decision = "ask" if told == "defer" else str(told)
        return decision, _text(more.get("permissionDecisionReason")) or SILENT
    if answer.get("decision") == "block" or answer.get("permissionDecision") == "deny":
        return _refusal(event), _text(answer.get("reason")) or SILENT
    return "", ""


def _refusal(event: str) -> str:
    return {BEFORE: "deny", START: "failed", END: "failed"}.get(event, "block")


def _object(out: str) -> dict[str, Any] | None:
    """The JSON object that it printed; None for words. Raises ValueError for a broken one."""
    text = out.strip()
    if not (text.startswith("{") and text.endswith("}")):
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"its answer is no JSON: {error}") from error


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _cut(text: str) -> str:
    text = text.strip()
    return text if len(text) <= WORDS else text[:WORDS] + "…"


def strictest(rulings: Sequence[Ruling], *decisions: str) -> Ruling | None:
    """The first ruling with the first of these decisions that anybody took."""
    found = (one for decision in decisions for one in rulings if one.decision == decision)
    return next(found, None)


def words(fact: HookRan) -> list[str]:
    """What the model is told of it, as what it is: words of a command, not of a person."""
    found: list[str] = []
    for one in fact.rulings:
        reason = one.reason if one.decision == "block" and fact.event in (AFTER, STOP) else ""
        told = "\n".join(text for text in (reason, one.context) if text)
        if told:
            found.append(f"(A hook for {fact.event} says:)\n{told}")
    return found


def line(fact: HookRan) -> str:
    """What people are told of it, in one line."""
    return told(fact.event, fact.rulings)


def told(event: str, rulings: Sequence[Ruling]) -> str:
    """What people are told of what hooks of an event said, in one line; "" where none did."""
    parts = [_part(one) for one in rulings]
    return f"hooks of {event}: " + "; ".join(parts) if parts else ""


def _part(one: Ruling) -> str:
    said = [": ".join(text for text in (one.decision, one.reason or one.note) if text)]
    if one.unheard:
        said.append(f"not heeded here: {', '.join(one.unheard)}")
    told = "; ".join(text for text in said if text) or "told the model something"
    return f"{told} (`{one.command[:80]}`)" if one.command else f"{one.source}: {told}"
