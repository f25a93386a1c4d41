"""Who is logged in: a key or a ticket is shown once, and a cookie stands for it for a while."""

import math
import time

import msgspec
from starlette.responses import Response

from tuiagent.clients.web.access import Asked
from tuiagent.clients.web.gate import COOKIE
from tuiagent.clients.web.problem import Problem
from tuiagent.clients.web.told import LoggedOut, Login, Ticket

PATH = "/screen"
"""Where the cookie is sent to: the rest of the server needs none."""


async def shown(asked: Asked) -> Login:
    """GET /screen/login."""
    return Login(asked.principal.actor, asked.principal.expires)


async def begun(asked: Asked) -> Response:
    """POST /screen/login."""
    made = asked.web.logins.begin(asked.principal)
    if made is None:
        raise Problem(401, "ticket_used", "this ticket was used already, or its time is over")
    token, who = made
    assert who.expires is not None
    seconds = max(1, math.floor(who.expires - time.time()))
    return _answer(Login(who.actor, who.expires), token, seconds, asked.origin)


async def ended(asked: Asked) -> Response:
    """DELETE /screen/login."""
    asked.web.logins.end(asked.principal)
    return _answer(LoggedOut(), "", 0, asked.origin)


async def ticket(asked: Asked) -> Ticket:
    """POST /screen/ticket."""
    text, made = asked.web.logins.ticket(asked.principal)
    assert made.expires is not None
    return Ticket(text, made.expires)


def _answer(body: Login | LoggedOut, token: str, seconds: int, origin: str) -> Response:
    """An answer that also sets the cookie: no script reads it, no other site has it sent."""
    secure = "; Secure" if origin.startswith("https:") else ""
    cookie = f"{COOKIE}={token}; Path={PATH}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
    headers = {"Set-Cookie": cookie}
    return Response(msgspec.json.encode(body), 200, headers, "application/json")
