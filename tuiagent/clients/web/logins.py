"""Log-ins: what a browser keeps in place of a key, for a while; and tickets, each good for one."""

import asyncio
import secrets
import time
from collections.abc import Callable

from msgspec import Struct

from tuiagent.clients.web.gate import LONGEST, Gate, Principal
from tuiagent.clients.web.scopes import ADMIN, LOGIN
from tuiagent.kernel import keys

HOURS = 12 * 3600.0
"""Seconds that a log-in counts."""
MINUTES = 120.0
"""Seconds that a ticket counts."""
MOST = 256
"""That count at the same time; the oldest goes first."""
LOOK = 5.0
"""Seconds after which the clock is looked at again: it may be set, or stand while one sleeps."""
ENDED = "the log-in has ended"


class _Kept(Struct, eq=False):
    """A log-in or a ticket."""

    principal: Principal
    ended: asyncio.Event


class Logins:
    """A gate that knows log-ins and tickets beside another gate's keys; memory is all they are in.

    Neither outlives the key that it was made with, nor the server.
    """

    def __init__(self, gate: Gate, now: Callable[[], float] = time.time) -> None:
        self._gate = gate
        self._now = now
        self._kept: dict[str, _Kept] = {}
        """By the mark of what is sent, which itself is kept nowhere."""

    async def identify(self, token: str) -> Principal | None:
        """See Gate."""
        kept = self._kept.get(keys.mark(token[:LONGEST]))
        if kept is None:
            return await self._gate.identify(token)
        if self.over(kept.principal):
            self.end(kept.principal)
            return None
        return kept.principal

    def over(self, principal: Principal) -> str:
        """See Gate."""
        if principal.login:
            late = principal.expires is not None and principal.expires <= self._now()
            if late or principal.login not in self._kept:
                return ENDED
        return self._gate.over(principal)

    async def ended(self, principal: Principal) -> str:
        """See Gate."""
        if not principal.login:
            return await self._gate.ended(principal)
        key = asyncio.ensure_future(self._gate.ended(principal))
        kept = self._kept.get(principal.login)
        closed = kept.ended if kept else asyncio.Event()
        gone = asyncio.ensure_future(closed.wait())
        try:
            while not (over := self.over(principal)) and not key.done():
                await asyncio.wait({key, gone}, timeout=LOOK, return_when=asyncio.FIRST_COMPLETED)
            return over or key.result()
        finally:
            key.cancel()
            gone.cancel()

    def ticket(self, principal: Principal) -> tuple[str, Principal]:
        """What one log-in can be made with, and nothing else done."""
        return self._keep(principal, LOGIN, MINUTES)

    def begin(self, principal: Principal) -> tuple[str, Principal] | None:
        """A new log-in, by a key or in place of a ticket; None for a ticket that was used.

        None also for a log-in, which shall not make itself longer. Only whoever may do everything
        comes here, so that a log-in may do everything.
        """
        if self.over(principal) or (principal.login and LOGIN not in principal.scopes):
            return None
        self.end(principal)
        return self._keep(principal, ADMIN, HOURS)

    def end(self, principal: Principal) -> None:
        """Ends the log-in, or uses the ticket; a key stays as it is."""
        if kept := self._kept.pop(principal.login, None):
            kept.ended.set()

    def _keep(self, principal: Principal, scope: str, seconds: float) -> tuple[str, Principal]:
        text = secrets.token_urlsafe(32)
        until, scopes = self._now() + seconds, frozenset({scope})
        made = Principal(principal.actor, principal.key, scopes, until, keys.mark(text))
        self._kept[made.login] = _Kept(made, asyncio.Event())
        if len(self._kept) > MOST:
            self.end(next(iter(self._kept.values())).principal)
        return text, made
