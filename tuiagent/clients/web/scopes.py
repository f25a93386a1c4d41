"""What each scope of a key lets its holder do: which intents, which views, which streams."""

from collections.abc import Iterable

from tuiagent.clients.web.gate import Principal
from tuiagent.clients.web.problem import Problem
from tuiagent.kernel.event import Intent, kind_of
from tuiagent.kernel.grants import ChangeMode
from tuiagent.kernel.policy import mode_of

OPEN, ANY, LOGIN = "open", "any", "login"
"""Of a route: nobody is asked for a key; any live key will do; a ticket will do as well."""
READ, WRITE, ANSWER = "sessions:read", "sessions:write", "approvals:answer"
FILES, CONFIG, USAGE, ADMIN = "files:read", "config:read", "usage:read", "admin"
SCOPES = (READ, WRITE, ANSWER, FILES, CONFIG, USAGE, ADMIN)
MODES = {"ask": WRITE, "plan": WRITE, "locked": WRITE, "accept-edits": ANSWER, "auto": ADMIN}
"""Whoever lets a mode say yes in place of a person must be allowed to say it."""
INTENTS = {
    "SubmitPrompt": WRITE,
    "WithdrawPrompt": WRITE,
    "ShortenConversation": WRITE,
    "RenewTools": WRITE,
    "InterruptRun": WRITE,
    "ChangeMode": WRITE,
    "ChangeModel": WRITE,
    "ChangeEffort": WRITE,
    "NameSession": WRITE,
    "ArchiveSession": WRITE,
    "DeleteSession": WRITE,
    "RestoreSession": WRITE,
    "StopJob": WRITE,
    "ResumeRun": WRITE,
    "UndoCall": WRITE,
    "ShowPresence": READ,
    "AnswerApproval": ANSWER,
    "AnswerQuestion": ANSWER,
    "ResolveOutcome": ANSWER,
    "RevokeRule": ANSWER,
    "OpenSession": ADMIN,
    "ConfigureRules": ADMIN,
    "ChangeSandbox": ADMIN,
    "MoveProviders": ADMIN,
    "RunCommand": ADMIN,
    "ImportSession": ADMIN,
    "EraseSession": ADMIN,
    "AddActor": ADMIN,
    "RemoveActor": ADMIN,
    "IssueKey": ADMIN,
    "RevokeKey": ADMIN,
    "KeepRule": ADMIN,
    "DropRule": ADMIN,
    "TrustFile": ADMIN,
    "AcceptTools": ADMIN,
    "DistrustFile": ADMIN,
}
"""The intents that may come over a wire. An opening tells where keys are sent, so that only an
administrator's is taken as it is; the API makes its own. What performers report never comes so."""
VIEWS = {
    "sessions": READ,
    "status": READ,
    "transcript": READ,
    "prompt": READ,
    "context": READ,
    "runs": READ,
    "inbox": READ,
    "jobs": READ,
    "grants": READ,
    "proposed": READ,
    "picture": READ,
    "history": READ,
    "search": READ,
    "changes": FILES,
    "files": FILES,
    "usage": USAGE,
    "tools": CONFIG,
    "health": CONFIG,
    "prices": CONFIG,
    "check": CONFIG,
    "sandbox": CONFIG,
    "kept": CONFIG,
    "skills": CONFIG,
    "commands": CONFIG,
    "trust": CONFIG,
}
"""The views that another scope than `admin` is enough for."""


def permits(principal: Principal, scope: str) -> bool:
    """Whether the key has this scope."""
    return scope in (OPEN, ANY) or scope in principal.scopes or ADMIN in principal.scopes


def need(principal: Principal, scopes: Iterable[str]) -> None:
    """Raises a Problem that names the scope that the key lacks."""
    for scope in scopes:
        if not permits(principal, scope):
            raise Problem(
                403, "scope_missing", f"this key may not do that: it lacks the scope {scope}"
            )


def of_mode(mode: str) -> str:
    """What letting this mode hold takes."""
    return MODES.get(mode_of(mode), ADMIN)


def of_intent(intent: Intent) -> tuple[str, ...]:
    """What submitting it takes. Raises a Problem for what never comes over a wire."""
    name = type(intent).__name__
    if name not in INTENTS:
        raise Problem(403, "intent_internal", f"{name} is not for clients to submit")
    more = (of_mode(intent.mode),) if isinstance(intent, ChangeMode) else ()
    return (INTENTS[name], *more)


def of_view(view: str) -> str:
    """What reading it takes."""
    return VIEWS.get(view, ADMIN)


def of_select(select: str) -> str:
    """What watching it takes."""
    return READ if kind_of(select) == "session" else ADMIN
