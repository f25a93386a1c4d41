"""What is looked at before a request comes to a route: who is meant, from where, and how much.

ASGI as it is, without a framework: what is refused here costs nothing else. Every answer is
application/problem+json, also where a WebSocket is refused, which happens before its upgrade.
"""

import math
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from tuiagent.clients.web.gate import Gate, Principal, identified, token_of
from tuiagent.clients.web.problem import Problem, problem
from tuiagent.clients.web.rates import Buckets, Held, network
from tuiagent.kernel.errors import ConfigError, TuiagentError

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""Names under which no other machine's page can reach this one."""
ONCE = frozenset({b"host", b"origin", b"authorization", b"content-type", b"content-length"})
"""Headers of which a second one would let two programs read one request differently."""
PLAIN = bytes(letter for letter in range(0x21, 0x7F) if letter not in b";\\")
"""What a path is written with."""
ASKED = "authorization, content-type, idempotency-key, last-event-id, x-session-api-key"
"""Headers that a page of a listed origin may send."""
TOLD = "location, retry-after"
"""Headers that it may read."""
ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
)
"""Said with every answer that does not say it itself."""


class Guarding(Struct, frozen=True):
    """What the guard keeps to."""

    public: str = ""
    """The origin under which others reach this server, such as https://agent.example."""
    origins: frozenset[str] = frozenset()
    """Origins whose pages may use it."""
    body: int = 8 << 20
    """Bytes of a request's body."""
    head: int = 32 << 10
    """Bytes of its headers and, alone, of its path and query."""
    headers: int = 100
    rate: float = 200.0
    """Requests in a second, of one key or, without one, of one address."""
    burst: float = 1000.0
    failures: float = 0.2
    """Keys that open nothing, in a second from one address."""
    failures_burst: float = 10.0
    open: int = 2500
    """Requests, streams and WebSockets that are open at once with one key."""


def guarding(public_url: str = "", cors: Sequence[str] = ()) -> Guarding:
    """The usual limits with these origins. Raises ConfigError for what is none."""
    public = _origin(public_url, "--public-url") if public_url else ""
    return Guarding(public, frozenset(_origin(text, "--cors-origin") for text in cors))


def check_listening(addresses: Sequence[str], guarded: bool) -> None:
    """Raises ConfigError for an address (HOST:PORT) beyond loopback where no key is asked for."""
    for address in addresses:
        host = address.rpartition(":")[0].strip("[]")
        if not guarded and not _loopback(host):
            raise ConfigError(
                f"{address} can be reached from other machines, and no key would be asked for: "
                "make one with `tuiagent access issue`, and leave out --auth none; or listen "
                "on 127.0.0.1"
            )


class Guard:
    """An ASGI application around another one."""

    def __init__(self, app: Any, gate: Gate, keeps: Guarding) -> None:
        self._app = app
        self._gate = gate
        self._keeps = keeps
        self._rates = Buckets(keeps.rate, keeps.burst)
        self._failures = Buckets(keeps.failures, keeps.failures_burst)
        self._held = Held(keeps.open)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """See ASGI; lifespan passes as it is."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send)
        try:
            headers = self._head(scope)
            self._aim(scope, headers)
            answer.more = self._from(scope, headers)
            if _preflight(scope, headers):
                await answer.preflight()
                return
            if scope["type"] == "http":
                receive = self._body(headers, receive)
            name = self._pace(scope, await identified(self._gate, scope))
            with self._held.one(name) as fits:
                if not fits:
                    raise _late("too_many_open", f"{self._keeps.open} are open with this key", 1.0)
                await self._app(scope, receive, answer.send)
        except TuiagentError as error:
            if answer.begun:
                raise
            await answer.problem(problem(error))

    def _head(self, scope: Any) -> dict[bytes, bytes]:
        """The headers by name. Raises Problem where there are too many, or two of a kind."""
        keeps, headers = self._keeps, scope["headers"]
        size = sum(len(name) + len(value) for name, value in headers)
        target = len(_raw(scope)) + len(scope.get("query_string", b""))
        if len(headers) > keeps.headers or size > keeps.head or target > keeps.head:
            raise Problem(
                431,
                "head_too_large",
                f"at most {keeps.headers} headers of {keeps.head >> 10} KiB are read",
            )
        known = dict(headers)
        names = [name for name, _ in headers] if len(known) < len(headers) else []
        for name in ONCE:
            if names.count(name) > 1:
                raise Problem(400, "header_twice", f"the header {name.decode()} occurs twice")
        return known

    def _aim(self, scope: Any, headers: Mapping[bytes, bytes]) -> None:
        """Raises Problem unless this server is meant, with a path and a method as we know them.

        A page whose name was made to point to this machine (DNS rebinding) sends its own name.
        """
        host = headers.get(b"host", b"").decode("latin-1").lower()
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        own = (scope.get("server") or ("",))[0]
        own = f"[{own}]" if ":" in own else own
        meant = name in LOOPBACK or name == own != "" or host == _host(self._keeps.public)
        if not meant:
            raise Problem(
                421,
                "host_unknown",
                "this server does not go by the name in the Host header; "
                "give it to `tuiagent serve` with --public-url",
            )
        if _odd(_raw(scope).lower(), scope["path"]):
            raise Problem(404, "path_odd", "no path here is written so")
        if scope.get("method", "GET") not in METHODS:
            allow = {"Allow": ", ".join(METHODS)}
            raise Problem(405, "method_unknown", "this method is not used here", allow)

    def _from(self, scope: Any, headers: Mapping[bytes, bytes]) -> tuple[tuple[bytes, bytes], ...]:
        """What to tell a page of another origin, if that is listed. Raises Problem if not."""
        vary = ((b"vary", b"origin"),) if self._keeps.origins else ()
        if b"origin" not in headers:
            return vary
        origin = headers[b"origin"].decode("latin-1").lower()
        scheme = "https" if scope["scheme"] in ("https", "wss") else "http"
        host = headers[b"host"].decode("latin-1").lower()
        if origin in (f"{scheme}://{host}", self._keeps.public):
            return vary
        if origin not in self._keeps.origins:
            raise Problem(
                403,
                "origin_unknown",
                "a page of this origin may not use this server; "
                "list it with `tuiagent serve --cors-origin`",
            )
        allow = (b"access-control-allow-origin", origin.encode())
        return (*vary, allow, (b"access-control-expose-headers", TOLD.encode()))

    def _body(self, headers: Mapping[bytes, bytes], receive: Any) -> Any:
        """Receives no more than may be. Raises Problem for a body that is no plain JSON."""
        limit, length = self._keeps.body, headers.get(b"content-length", b"0")
        if length == b"0" and b"transfer-encoding" not in headers:
            return receive
        kind, _, more = headers.get(b"content-type", b"").lower().partition(b";")
        plain = more.strip() in (b"", b"charset=utf-8", b'charset="utf-8"')
        if kind.strip() != b"application/json" or not plain or b"content-encoding" in headers:
            raise Problem(
                415, "not_json", "a body is JSON (Content-Type: application/json), not compressed"
            )
        large = Problem(413, "body_too_large", f"a body has at most {limit >> 10} KiB")
        if not length.isdigit() or int(length) > limit:
            raise large
        taken = 0

        async def received() -> Any:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise large
            return message

        return received

    def _pace(self, scope: Any, principal: Principal | None) -> str:
        """Whom the request counts for. Raises Problem for one that comes too soon.

        A key that is live is never held up by others from the same address who guess.
        """
        if principal is not None:
            name = principal.key
        else:
            name = network((scope.get("client") or ("",))[0])
            if token_of(scope) and (wait := self._failures.take(name)):
                raise _late("too_many_failures", "too many keys that open nothing", wait)
        if wait := self._rates.take(name):
            raise _late("too_many_requests", "too many requests", wait)
        return name


class _Answer:
    """The way back: adds what is said always, and knows whether an answer has begun."""

    def __init__(self, scope: Any, send: Any) -> None:
        self._scope = scope
        self._send = send
        self.more: tuple[tuple[bytes, bytes], ...] = ()
        self.begun = False

    async def send(self, message: Any) -> None:
        """See ASGI."""
        kind = message["type"]
        self.begun = True
        if kind in ("http.response.start", "websocket.http.response.start"):
            headers = list(message.get("headers", ()))
            said = {name.lower() for name, _ in headers}
            headers += [pair for pair in (*ALWAYS, *self.more) if pair[0] not in said]
            message = {**message, "headers": headers}
        await self._send(message)

    async def problem(self, error: Problem) -> None:
        """Says what is wrong; an unread body is not waited for."""
        body = msgspec.json.encode(error.body())
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
            *((name.lower().encode(), value.encode()) for name, value in error.headers.items()),
        ]
        await self._whole(error.status, headers, body)

    async def preflight(self) -> None:
        """Lets a page of a listed origin go on; to others it says nothing."""
        headers: list[tuple[bytes, bytes]] = []
        if any(name == b"access-control-allow-origin" for name, _ in self.more):
            headers += [
                (b"access-control-allow-methods", ", ".join(METHODS).encode()),
                (b"access-control-allow-headers", ASKED.encode()),
                (b"access-control-max-age", b"600"),
            ]
        await self._whole(204, headers, b"")

    async def _whole(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        socket = self._scope["type"] == "websocket"
        if socket and "websocket.http.response" not in (self._scope.get("extensions") or {}):
            await self._send({"type": "websocket.close", "code": 1008})
            return
        kind = "websocket.http.response" if socket else "http.response"
        await self.send({"type": f"{kind}.start", "status": status, "headers": headers})
        await self.send({"type": f"{kind}.body", "body": body})


def _preflight(scope: Any, headers: Mapping[bytes, bytes]) -> bool:
    asks = b"access-control-request-method" in headers and b"origin" in headers
    return scope["type"] == "http" and scope["method"] == "OPTIONS" and asks


def _late(code: str, detail: str, wait: float) -> Problem:
    seconds = max(1, math.ceil(wait))
    return Problem(429, code, f"{detail}: wait {seconds} s", {"Retry-After": str(seconds)})


def _raw(scope: Any) -> bytes:
    return scope.get("raw_path") or scope["path"].encode()


def _odd(raw: bytes, path: str) -> bool:
    """Whether two programs could read this path differently."""
    if not path.startswith("/") or raw.translate(None, PLAIN) or b"%2f" in raw:
        return True
    if "//" in path or any(part in (".", "..") for part in path.split("/")):
        return True
    return not path.isprintable() or ";" in path or "\\" in path


def _host(origin: str) -> str:
    return origin.partition("://")[2] or "?"


def _origin(text: str, flag: str) -> str:
    """The origin of an address, as browsers write it. Raises ConfigError."""
    try:
        found = urlsplit(text)
        port, host = found.port, found.hostname or ""
    except ValueError:
        host, port, found = "", None, urlsplit("")
    rest = (found.path.strip("/"), found.query, found.fragment, found.username, found.password)
    if found.scheme not in ("http", "https") or not host or "*" in host or any(rest):
        raise ConfigError(f"{flag} {text}: write an origin such as https://agent.example")
    usual = {"http": 80, "https": 443}[found.scheme]
    host = f"[{host}]" if ":" in host else host
    return f"{found.scheme}://{host}" + (f":{port}" if port not in (None, usual) else "")


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
