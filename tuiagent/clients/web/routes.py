"""The one table of what the web server answers.

The application, the OpenAPI and AsyncAPI documents, the access check and the matrix that tests it
are all made of it. Another program's interface is more rows, of another dialect.
"""

from typing import Any

from tuiagent.clients.web import shapes, told
from tuiagent.clients.web.route import BASE, BROWSER, OWN, SSE, WEBSOCKET, Route, check
from tuiagent.clients.web.scopes import (
    ADMIN,
    ANSWER,
    ANY,
    CONFIG,
    FILES,
    LOGIN,
    OPEN,
    READ,
    USAGE,
    WRITE,
)
from tuiagent.clients.web.shapes import Page


def _own(
    verb: str, scope: str, handler: str, summary: str, answer: Any = None, **more: Any
) -> Route:
    """A route of tuiagent's own API."""
    method, _, path = verb.partition(" ")
    module = f"tuiagent.clients.web.api.{handler}"
    return Route(method, f"{BASE}{path}", OWN, scope, module, summary, answer, **more)


def _changes(verb: str, scope: str, handler: str, summary: str, body: Any, **more: Any) -> Route:
    """A route that wants something of a session, which may not fit it."""
    more = {"answer": shapes.Done, "statuses": (200, 409), **more}
    return _own(verb, scope, handler, summary, request=body, **more)


def _health(path: str, handler: str, statuses: tuple[int, ...], summary: str) -> Route:
    module = f"tuiagent.clients.web.api.house:{handler}"
    return Route("GET", path, OWN, OPEN, module, summary, told.Health, statuses=statuses)


SESSIONS = (
    _own(
        "GET /sessions",
        READ,
        "sessions:listed",
        "The sessions, newest first",
        Page[shapes.Session],
        query=shapes.SessionsQuery,
    ),
    _own(
        "POST /sessions",
        WRITE,
        "opening:opened",
        "Open a session; a repetition finds the one that was opened",
        shapes.Session,
        request=shapes.NewSession,
        statuses=(201, 200, 404, 409),
    ),
    _own("GET /sessions/{id}", READ, "sessions:one", "A session", shapes.Session),
    _changes(
        "PATCH /sessions/{id}",
        WRITE,
        "sessions:changed",
        "Rename it, put it away, let another mode or model hold",
        shapes.SessionChange,
        answer=shapes.Session,
    ),
    _changes(
        "DELETE /sessions/{id}",
        WRITE,
        "sessions:deleted",
        "Delete it; for a while it can be brought back",
        None,
        answer=shapes.Session,
    ),
    _changes(
        "POST /sessions/{id}/restore",
        WRITE,
        "sessions:restored",
        "Bring a deleted session back",
        None,
        answer=shapes.Session,
    ),
    _changes(
        "POST /sessions/{id}/input",
        WRITE,
        "sessions:said",
        "Say something to the agent: a run begins, or waits its turn",
        shapes.Input,
        answer=shapes.Accepted,
        statuses=(202, 409),
    ),
    _changes(
        "POST /sessions/{id}/interrupt",
        WRITE,
        "sessions:interrupted",
        "Stop the run that is going on",
        shapes.Interrupt,
    ),
    _changes(
        "POST /sessions/{id}/undo",
        WRITE,
        "sessions:undone",
        "Undo what a call did to files",
        shapes.Undo,
    ),
    _changes(
        "POST /sessions/{id}/compact",
        WRITE,
        "sessions:compacted",
        "Make the conversation shorter before the model is asked again",
        None,
    ),
    _own(
        "GET /sessions/{id}/events",
        READ,
        "events:of_session",
        "Its facts, in order",
        shapes.Events,
        query=shapes.EventsQuery,
    ),
    _own(
        "GET /sessions/{id}/transcript",
        READ,
        "sessions:transcript",
        "It as people read it",
        Page[shapes.Item],
        query=shapes.Paged,
    ),
    _own(
        "GET /sessions/{id}/files",
        FILES,
        "sessions:files",
        "What its calls changed, file by file",
        Page[shapes.Changed],
        query=shapes.Paged,
    ),
    _own(
        "GET /sessions/{id}/usage",
        USAGE,
        "sessions:usage",
        "Its tokens and money, by day and model",
        Page[shapes.Spent],
        query=shapes.Paged,
    ),
    _own(
        "GET /sessions/{id}/jobs",
        READ,
        "sessions:jobs",
        "What runs in the background of it",
        Page[shapes.Job],
        query=shapes.Paged,
    ),
    _changes(
        "POST /sessions/{id}/jobs/{job}/stop", WRITE, "sessions:job_stopped", "End a job", None
    ),
)
PEOPLE = (
    _own(
        "GET /inbox",
        READ,
        "people:inbox",
        "Everything that waits for a person, oldest first",
        Page[shapes.Waiting],
        query=shapes.Paged,
    ),
    _own(
        "GET /approvals",
        READ,
        "people:approvals",
        "The calls that wait for a yes or no, oldest first",
        Page[shapes.Waiting],
        query=shapes.Paged,
    ),
    _own(
        "GET /questions",
        READ,
        "people:questions",
        "The questions that wait for an answer, oldest first",
        Page[shapes.Waiting],
        query=shapes.Paged,
    ),
    _own(
        "GET /outcomes",
        READ,
        "people:outcomes",
        "The calls of which nobody knows what became, oldest first",
        Page[shapes.Waiting],
        query=shapes.Paged,
    ),
    _changes(
        "POST /sessions/{id}/approvals/{call}",
        ANSWER,
        "people:approved",
        "Allow or refuse a call as it was shown; the first answer wins",
        shapes.Approval,
    ),
    _changes(
        "POST /sessions/{id}/questions/{call}",
        ANSWER,
        "people:answered",
        "Answer a question",
        shapes.QuestionAnswer,
    ),
    _changes(
        "POST /sessions/{id}/outcomes/{call}",
        ANSWER,
        "people:resolved",
        "Say what became of a call",
        shapes.OutcomeAnswer,
    ),
)
RUNS = (
    _own(
        "GET /runs",
        READ,
        "runs:listed",
        "The runs, newest first",
        Page[shapes.Run],
        query=shapes.RunsQuery,
    ),
    _own("GET /runs/{id}", READ, "runs:one", "A run", shapes.Run),
    _own(
        "GET /runs/{id}/events",
        READ,
        "events:of_run",
        "Its facts, in order",
        shapes.Events,
        query=shapes.EventsQuery,
    ),
    _own(
        "GET /runs/{id}/answer",
        READ,
        "runs:answered",
        "Its answer, and whether that fits the schema that was asked for",
        shapes.Answer,
    ),
    _changes(
        "POST /runs/{id}/cancel",
        WRITE,
        "runs:cancelled",
        "End it, and nothing else; one that is over stays as it is",
        None,
        answer=shapes.Run,
    ),
)
HOUSE = (
    _own("GET /models", CONFIG, "house:models", "The models that are configured", Page[told.Model]),
    _own("GET /tools", CONFIG, "house:tools", "What agents can do", Page[told.Tool]),
    _own(
        "GET /skills",
        CONFIG,
        "house:skills",
        "The skills that sessions in a folder have",
        Page[told.Skill],
        query=shapes.FolderQuery,
        statuses=(200, 409),
    ),
    _own(
        "GET /mcp-servers",
        CONFIG,
        "house:servers",
        "The MCP servers that sessions in a folder have, and how each is",
        Page[told.Server],
        query=shapes.FolderQuery,
        statuses=(200, 409),
    ),
    _own("GET /config", CONFIG, "house:config", "The settings; never a secret", told.Config),
    _own(
        "GET /usage",
        USAGE,
        "house:usage",
        "Tokens and money of all sessions, by day and model",
        Page[shapes.Spent],
        query=shapes.Paged,
    ),
    _own(
        "GET /search",
        READ,
        "house:search",
        "The newest texts in which all of the words stand",
        shapes.Findings,
        query=shapes.SearchQuery,
    ),
    _own("GET /me", ANY, "house:me", "Whose key this is, and what it may", told.Me),
    _own("GET /status", READ, "house:status", "What goes on here", told.Status),
    _own(
        "GET /capabilities",
        ANY,
        "house:capabilities",
        "What can be asked of this server",
        told.Capabilities,
    ),
    _own("GET /openapi.json", ANY, "house:openapi", "The OpenAPI 3.1 document", dict[str, Any]),
    _own("GET /asyncapi.json", ANY, "house:asyncapi", "The AsyncAPI 3 document", dict[str, Any]),
)
STREAMS = (
    _own(
        "GET /events/stream",
        READ,
        "events:stream_all",
        "What happens in the selected sessions",
        query=shapes.WideQuery,
        kind=SSE,
    ),
    _own(
        "GET /sessions/{id}/stream",
        READ,
        "events:stream_session",
        "What happens in a session",
        query=shapes.StreamQuery,
        kind=SSE,
    ),
    _own(
        "GET /runs/{id}/stream",
        READ,
        "events:stream_run",
        "What happens in a run, to its end",
        query=shapes.StreamQuery,
        kind=SSE,
    ),
    Route(
        "GET",
        f"{BASE}/stream",
        OWN,
        ANY,
        "tuiagent.clients.web.live:serve",
        "The three verbs, submit, watch and read; scopes decide about each",
        statuses=(101,),
        kind=WEBSOCKET,
    ),
)
PROBES = (
    _health("/healthz", "alive", (200,), "Whether the process answers"),
    _health("/alive", "alive", (200,), "Whether the process answers"),
    _health("/readyz", "ready", (200, 503), "Whether it takes work: not while it is draining"),
    _health("/health", "ready", (200, 503), "Whether it takes work: not while it is draining"),
    _health("/api/health", "ready", (200, 503), "Whether it takes work: not while it is draining"),
)


def _page(
    verb: str, scope: str, handler: str, summary: str, answer: Any = None, **more: Any
) -> Route:
    """A route of the app in the browser; whoever gets past the log-in is the owner."""
    method, _, path = verb.partition(" ")
    module = f"tuiagent.clients.web.browser.{handler}"
    owner = scope != OPEN
    return Route(method, path, BROWSER, scope, module, summary, answer, owner=owner, **more)


PAGES = (
    _page("GET /", OPEN, "files:page", "The page: a log-in, then the full screen", bytes),
    _page("GET /static/{name}", OPEN, "files:static", "What the page is made of", bytes),
    _page("GET /screen/login", ADMIN, "visits:shown", "Whether one is logged in", told.Login),
    _page(
        "POST /screen/login",
        LOGIN,
        "visits:begun",
        "Log in by a key or a ticket, sent as every key is; a cookie stands for it from now on",
        told.Login,
    ),
    _page("DELETE /screen/login", ADMIN, "visits:ended", "Log out", told.LoggedOut),
    _page(
        "POST /screen/ticket",
        ADMIN,
        "visits:ticket",
        "A ticket: lets one browser log in, once and soon",
        told.Ticket,
    ),
    _page(
        "GET /screen/stream",
        ADMIN,
        "stream:serve",
        "The full screen: a terminal whose program is a client of this server",
        statuses=(101,),
        kind=WEBSOCKET,
    ),
)
ROUTES: tuple[Route, ...] = (*SESSIONS, *PEOPLE, *RUNS, *HOUSE, *STREAMS, *PROBES, *PAGES)

__all__ = ["ADMIN", "BASE", "ROUTES", "SSE", "WEBSOCKET", "Route", "check"]
