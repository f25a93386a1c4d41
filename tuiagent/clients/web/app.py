"""The ASGI application: made of the route table, it holds nothing that the table does not say."""

import os
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.routing import Route as Path
from starlette.websockets import WebSocket

from tuiagent.clients.web.access import Asked, Host, Pace, Web
from tuiagent.clients.web.browser.screens import Screens
from tuiagent.clients.web.events import Wanted, tell
from tuiagent.clients.web.gate import Gate
from tuiagent.clients.web.problem import TITLES, Problem, problem
from tuiagent.clients.web.routes import ROUTES, WEBSOCKET, Route, check
from tuiagent.clients.web.shapes import KEY, Nothing
from tuiagent.kernel.errors import TuiagentError
from tuiagent.ports import Client
from tuiagent.registry import load

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Application:
    """The API of one engine; `seat` is the engine as the actor with this id sees it."""

    def __init__(
        self,
        seat: Callable[[str], Client],
        gate: Gate,
        host: Host,
        routes: Iterable[Route] = ROUTES,
        pace: Pace = Pace(),  # noqa: B008 - frozen
        screens: Screens | None = None,
    ) -> None:
        table = tuple(routes)
        check(table)
        self._web = Web(seat, gate, host, pace, screens or Screens(os.environ))
        paths: dict[str, list[Route]] = {}
        for route in table:
            paths.setdefault(route.path, []).append(route)
        self._app = Starlette(
            routes=[made for path, rows in paths.items() for made in self._paths(path, rows)],
            exception_handlers={HTTPException: _unrouted, Exception: _defect},
        )
        self._app.router.redirect_slashes = False

    @property
    def gate(self) -> Gate:
        """The gate, which knows log-ins beside keys."""
        return self._web.gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        await self._app(scope, receive, send)

    def drain(self) -> None:
        """Ends every stream, saying so; what is asked shortly is still answered."""
        self._web.drain()

    async def close(self) -> None:
        """Ends what it has begun beside answers: the screens of browsers."""
        await self._web.screens.close()

    def _paths(self, path: str, routes: list[Route]) -> list[BaseRoute]:
        if routes[0].kind == WEBSOCKET:
            socket = Socket(self._web, routes[0])
            return [WebSocketRoute(path, socket), Path(path, _needs_upgrade)]
        endpoint = Endpoint(self._web, {route.method: route for route in routes})
        return [Path(path, endpoint, methods=[route.method for route in routes])]


class Endpoint:
    """One path with its methods."""

    def __init__(self, web: Web, routes: dict[str, Route]) -> None:
        self._web = web
        self._routes = routes
        self._handlers = {method: load(route.handler) for method, route in routes.items()}
        self._bodies = {
            method: msgspec.json.Decoder(route.request or Nothing)
            for method, route in routes.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request = Request(scope, receive)
        method = "GET" if request.method == "HEAD" else request.method
        route = self._routes[method]
        try:
            asked = await self._asked(route, request)
            answer = await self._handlers[method](asked)
        except TuiagentError as error:
            response = told(problem(error))
        else:
            if isinstance(answer, Response):
                await answer(scope, receive, send)
                return
            if isinstance(answer, Wanted) and request.method == "GET":
                await tell(asked, answer, scope, receive, send)
                return
            status, body = answer if isinstance(answer, tuple) else (route.statuses[0], answer)
            kind = "text/event-stream" if isinstance(body, Wanted) else "application/json"
            content = b"" if isinstance(body, Wanted) else msgspec.json.encode(body)
            response = Response(content, status, media_type=kind)
        await response(scope, receive, send)

    async def _asked(self, route: Route, request: Request) -> Asked:
        """What was asked, by whom. Raises a Problem."""
        principal = await self._web.admitted(route, request.scope)
        once = request.headers.get("idempotency-key", "")
        if not re.fullmatch(KEY, once):
            raise Problem(400, "idempotency_key_unreadable", "Idempotency-Key: up to 200 letters")
        return Asked(
            principal,
            self._web,
            request.path_params,
            _query(route, request),
            _body(
                b"" if route.method == "GET" else await request.body(), self._bodies[route.method]
            ),
            once,
            request.headers.get("last-event-id", ""),
            request.headers.get("origin", ""),
        )


class Socket:
    """The path of a WebSocket."""

    def __init__(self, web: Web, route: Route) -> None:
        self._web = web
        self._route = route
        self._serve = load(route.handler)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection; whoever may not have one is told so before the upgrade."""
        socket = WebSocket(scope, receive, send)
        try:
            principal = await self._web.admitted(self._route, scope)
        except TuiagentError as error:
            await socket.send_denial_response(told(problem(error)))
            return
        await self._serve(self._web, principal, self._web.seat(principal.actor), socket)


def told(error: Problem) -> Response:
    """A problem as an answer."""
    headers = {"Cache-Control": "no-store", **error.headers}
    body = msgspec.json.encode(error.body())
    return Response(body, error.status, headers, "application/problem+json")


def _query(route: Route, request: Request) -> Any:
    """The query, each name once. Raises a Problem."""
    given = [(name, value) for name, value in request.query_params.multi_items() if name != "token"]
    values = dict(given)
    if len(values) < len(given):
        raise Problem(422, "query_invalid", "a name occurs twice in the query")
    try:
        return msgspec.convert(values, route.query, strict=False)
    except msgspec.ValidationError as error:
        raise Problem(422, "query_invalid", f"the query: {error}") from error


def _body(data: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    """The body; none is an empty object. Raises a Problem."""
    try:
        return decoder.decode(data or b"{}")
    except msgspec.ValidationError as error:
        raise Problem(422, "body_invalid", f"the body: {error}") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Problem(400, "body_unreadable", f"the body is not JSON: {error}") from error


async def _unrouted(request: Request, error: Exception) -> Response:
    """What no route answers."""
    assert isinstance(error, HTTPException)
    status = error.status_code if error.status_code in TITLES else 400
    words = {404: "there is nothing at this path", 405: "this path has other methods"}
    code = HTTPStatus(status).phrase.lower().replace(" ", "_")
    return told(Problem(status, code, words.get(status, error.detail), error.headers or {}))


async def _defect(request: Request, error: Exception) -> Response:
    """What nobody expected; the log has it whole."""
    return told(Problem(500, "defect", "tuiagent has a defect here; its log says more"))


async def _needs_upgrade(request: Request) -> Response:
    """A WebSocket's path without the upgrade."""
    return told(
        Problem(426, "upgrade_needed", "open a WebSocket at this path", {"Upgrade": "websocket"})
    )
