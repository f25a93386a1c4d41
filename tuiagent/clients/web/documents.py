"""What is published of the API: OpenAPI 3.1 and AsyncAPI 3, made of the table and its types."""

import re
from functools import cache
from inspect import cleandoc
from typing import Any

import msgspec
from msgspec import NODEFAULT, UNSET, Struct

from tuiagent import __version__
from tuiagent.clients.web import shapes
from tuiagent.clients.web.access import REASONS
from tuiagent.clients.web.browser import stream
from tuiagent.clients.web.browser.files import KINDS
from tuiagent.clients.web.events import named
from tuiagent.clients.web.frames import SIGNALS, Answer, Ask
from tuiagent.clients.web.live import CLOSES
from tuiagent.clients.web.problem import TITLES
from tuiagent.clients.web.route import BROWSER, SSE, WEBSOCKET, Route
from tuiagent.clients.web.routes import ROUTES
from tuiagent.clients.web.scopes import ANY, INTENTS, OPEN, VIEWS
from tuiagent.kernel.aggregates import AGGREGATES
from tuiagent.kernel.event import CaughtUp, Lagged
from tuiagent.kernel.presence import ShowPresence

WHERE = "#/components/schemas/{name}"
SCHEMES: dict[str, dict[str, Any]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "a key: tua_…"},
    "header": {"type": "apiKey", "in": "header", "name": "X-Session-API-Key"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "tuiagent"},
}
PARTS = {"id": shapes.IDENT, "call": "^[^/]+$", "job": "^[^/]+$", "name": "^[^/]+$"}
"""What stands for a name in a path."""
CODES = {code: REASONS[reason] for reason, code in CLOSES.items()}
"""With which codes the server closes a WebSocket."""
SCREEN = ("typed", "drawn")
"""What is said on the WebSocket of a page, by the page and by the server."""


# ---------------------------------------------------------------- OpenAPI


@cache
def openapi() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    types = [shapes.Problem]
    for route in ROUTES:
        types += [kind for kind in (route.request, route.answer) if kind is not None]
    schemas, parts = msgspec.json.schema_components(types, ref_template=WHERE)
    known = dict(zip([repr(kind) for kind in types], schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        if route.kind != WEBSOCKET:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, known)
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": _info("What can be asked of a tuiagent server."),
        "paths": paths,
        "components": {"schemas": parts, "securitySchemes": SCHEMES},
    }


def _info(text: str) -> dict[str, Any]:
    return {"title": "tuiagent", "version": __version__, "description": text}


def _operation(route: Route, known: dict[str, Any]) -> dict[str, Any]:
    """One method of one path."""
    ident = re.sub(r"\W+", "_", f"{route.method.lower()}{route.path}").strip("_")
    made: dict[str, Any] = {
        "operationId": ident,
        "summary": route.summary,
        "tags": [route.dialect],
        "parameters": [*_places(route.path), *_queries(route.query), *_headers(route)],
        "security": [] if route.scope == OPEN else [{name: []} for name in SCHEMES],
        "responses": {str(status): _answer(route, status, known) for status in _statuses(route)},
        "x-scope": route.scope,
    }
    if route.request is not None:
        content = {"application/json": {"schema": known[repr(route.request)]}}
        required = any(field.required for field in msgspec.structs.fields(route.request))
        made["requestBody"] = {"required": required, "content": content}
    if not made["parameters"]:
        del made["parameters"]
    return made


def _places(path: str) -> list[dict[str, Any]]:
    """The parameters of a path."""
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1, "pattern": PARTS[name]},
        }
        for name in re.findall(r"{(\w+)}", path)
    ]


def _queries(kind: type[Struct]) -> list[dict[str, Any]]:
    """The parameters of a query."""
    found: list[dict[str, Any]] = []
    for field in msgspec.structs.fields(kind):
        schema = msgspec.json.schema(field.type)
        if field.default not in (NODEFAULT, UNSET):
            schema["default"] = field.default
        text = schema.pop("description", "")
        schema = next((s for s in schema.pop("anyOf", ()) if s.get("type") != "null"), schema)
        place = {"name": field.name, "in": "query", "required": field.required}
        found.append({**place, "description": text, "schema": schema})
    return found


def _headers(route: Route) -> list[dict[str, Any]]:
    """The headers that count."""
    text = {"type": "string", "pattern": shapes.KEY}
    if route.kind == SSE:
        words = "the position after which it goes on; `after` says the same, the larger wins"
        return [{"name": "Last-Event-ID", "in": "header", "description": words, "schema": text}]
    if route.method == "GET" or route.dialect == BROWSER:
        return []
    words = "a repetition with the same key and body has the same answer and one effect"
    return [{"name": "Idempotency-Key", "in": "header", "description": words, "schema": text}]


def _statuses(route: Route) -> list[int]:
    """Every status with which a route may answer."""
    more: set[int] = {400}
    if route.scope != OPEN:
        more |= {401, 429, 503}
    if route.scope not in (OPEN, ANY):
        more.add(403)
    if "{" in route.path:
        more |= {404, 409}
    if route.method != "GET":
        more |= {409, 413, 415}
    return sorted({*route.statuses, 422, *more})


def _answer(route: Route, status: int, known: dict[str, Any]) -> dict[str, Any]:
    """One answer of a route."""
    if status in route.statuses and (status < 400 or route.scope == OPEN):
        if route.kind == SSE:
            content: Any = {"text/event-stream": {"schema": {"type": "string"}}}
            return {"description": "events: see the AsyncAPI document", "content": content}
        kinds = sorted({*KINDS.values()}) if route.answer is bytes else ["application/json"]
        content = {kind: {"schema": known[repr(route.answer)]} for kind in kinds}
        return {"description": route.summary, "content": content}
    content = {"application/problem+json": {"schema": known[repr(shapes.Problem)]}}
    return {"description": TITLES[status], "content": content}


# ---------------------------------------------------------------- AsyncAPI


@cache
def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3 document: what is told on streams, and what is said on WebSockets."""
    facts = [fact for kind in AGGREGATES.values() for fact in kind.facts]
    intents = [intent for kind in AGGREGATES.values() for intent in kind.intents]
    intents = [one for one in [*intents, ShowPresence] if one.__name__ in INTENTS]
    told = [shapes.Line, CaughtUp, Lagged, *SIGNALS.values()]
    types = [*told, _plain(Ask), _plain(Answer), *facts, *intents]
    _, parts = msgspec.json.schema_components(types, ref_template=WHERE)
    events = {named(kind.__name__): kind.__name__ for kind in told[1:]} | {"fact": "Line"}
    messages = {name: _message(name, _ref(kind)) for name, kind in sorted(events.items())}
    place = {"type": "object", "properties": {"position": {"type": "integer"}}}
    messages["resync"] = _message("resync", place)
    messages["heartbeat"] = _message("heartbeat", {"type": "object"})
    messages["problem"] = _message("problem", {"type": "object"})
    reason = {"type": "string", "description": _listed(REASONS)}
    ends = {"reason": reason, "detail": {"type": "string"}}
    end = {"type": "object", "properties": ends, "required": [*ends]}
    messages["end"] = _message("end", end)
    frames = {"ask": _message("ask", _ref("Ask")), "answer": _message("answer", _ref("Answer"))}
    for name in SCREEN:
        frames[name] = _message(name, {"type": "array", "minItems": 1})
    channels, operations = _channels(list(messages))
    return {
        "asyncapi": "3.0.0",
        "info": _info("What a tuiagent server tells as it happens."),
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"schemas": _named(parts), "messages": {**messages, **frames}},
    }


def _plain(kind: type[Struct]) -> type[Struct]:
    """The frame with anything in place of what is passed on as it is."""
    fields = [
        (field.name, Any, None) if field.type is msgspec.Raw else _field(field)
        for field in msgspec.structs.fields(kind)
        if field.name not in ("take", "loans")  # of a private socket alone
    ]
    return msgspec.defstruct(kind.__name__, fields, namespace={"__doc__": kind.__doc__})


def _field(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not NODEFAULT:
        return field.name, field.type, msgspec.field(default_factory=field.default_factory)
    return (field.name, field.type, *([] if field.default is NODEFAULT else [field.default]))


def _ref(name: str) -> dict[str, str]:
    return {"$ref": WHERE.format(name=name)}


def _named(part: Any) -> Any:
    """The same schemas with what tells kinds apart by its name alone, as AsyncAPI writes it."""
    if isinstance(part, dict):
        made = {name: _named(value) for name, value in part.items()}
        if isinstance(made.get("discriminator"), dict):
            made["discriminator"] = made["discriminator"]["propertyName"]
        return made
    return [_named(one) for one in part] if isinstance(part, list) else part


def _message(name: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "contentType": "application/json", "payload": payload}


def _listed(words: dict[Any, str]) -> str:
    return "; ".join(f"{name}: {text}" for name, text in words.items())


def _channels(events: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Each stream of the table, and who says what on it."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for route in ROUTES:
        if not route.kind:
            continue
        name = re.sub(r"\W+", "_", route.path).strip("_")
        asked, told = SCREEN if route.dialect == BROWSER else ("ask", "answer")
        names = events if route.kind == SSE else [asked, told]
        channels[name] = {
            "address": route.path,
            "description": _about(route),
            "messages": {n: {"$ref": f"#/components/messages/{n}"} for n in names},
            "parameters": {part: {} for part in re.findall(r"{(\w+)}", route.path)},
        }
        operations[f"{name}_told"] = _doing("send", name, events if route.kind == SSE else [told])
        if route.kind == WEBSOCKET:
            channels[name]["bindings"] = {"ws": {"method": "GET"}}
            operations[f"{name}_asked"] = _doing("receive", name, [asked])
    return channels, operations


def _doing(action: str, channel: str, messages: list[str]) -> dict[str, Any]:
    """An operation, as the server sees it."""
    place = f"#/channels/{channel}"
    refs = [{"$ref": f"{place}/messages/{name}"} for name in messages]
    return {"action": action, "channel": {"$ref": place}, "messages": refs}


def _about(route: Route) -> str:
    """What a stream is, in words."""
    if route.kind == SSE:
        return (
            f"{route.summary}. Server-sent events; the id of a fact is its position, from which "
            "Last-Event-ID or `after` goes on."
        )
    if route.dialect == BROWSER:
        words = cleandoc(stream.__doc__ or "")
        return f"{route.summary}. {words} It is closed with {_listed(CODES)}."
    return (
        f"{route.summary}. Each text message is one JSON frame; `intent` of an ask is "
        '{"intent": NAME, "body": {…}}. A watch with `credit` is sent so many items, and others '
        "once `more` grants them, under its id; without, all at once. "
        "Intents and the scopes they take: "
        f"{_listed(INTENTS)}. Views: {_listed(VIEWS)}; any other: admin. "
        f"It is closed with {_listed(CODES)}."
    )
