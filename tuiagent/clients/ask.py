"""`tuiagent.ask`: says something to an agent, and gives its words as they come."""

import os
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from inspect import isawaitable
from typing import Any, cast

import msgspec
from msgspec import Struct

from tuiagent.kernel.call import AnswerApproval, CallAmended, CallDeferred, CallJudged
from tuiagent.kernel.errors import ConfigError, Refused, StoreError, TuiagentError
from tuiagent.kernel.event import Event, Seen
from tuiagent.kernel.message import Call
from tuiagent.kernel.run import (
    AttemptStarted,
    Delta,
    Halted,
    ReplyReceived,
    RunFinished,
)
from tuiagent.kernel.session import OpenSession, SessionOpened, SubmitPrompt
from tuiagent.ports import Client, Usual


class Wish(Struct, frozen=True):
    """A call that runs only if a person allows it."""

    session: str
    call: str
    tool: str
    args: dict[str, Any] | None
    reason: str
    """Why it is not allowed unasked."""
    rule: str
    """A rule that would allow it; "" for none."""


OnApproval = Callable[[Wish], bool | Awaitable[bool]]


async def ask(
    client: Client,
    prompt: str,
    on_approval: OnApproval | None = None,
    *,
    session: str = "",
    folder: str = ".",
    model: str = "",
    mode: str = "",
) -> AsyncGenerator[str]:
    """Says this in a session and gives the words of the answer, piece by piece, to its end.

    `session` is an id of the caller's choice: a session that is there is gone on with, any other
    is opened, in this folder; "" makes a new one. `model` (PROVIDER/MODEL) and `mode` are for a
    new one, "" for the usual. `on_approval` says whether a call may run. Raises TuiagentError
    when the run does not end well, or waits for what nobody answers here: then it goes on waiting.
    """
    stream = f"session/{session or secrets.token_hex(8)}"
    usual = msgspec.convert((await client.read("usual", os.path.abspath(folder))).data, Usual)
    if not (session and (await client.read("sessions", stream)).data):
        await client.submit(OpenSession(stream, _opened(usual.opened, model, mode)))
    run = secrets.token_hex(8)
    position = await client.submit(SubmitPrompt(stream, run, prompt, limits=usual.limits))
    follow = _Follow(client, stream, run, on_approval)
    watch = cast(AsyncGenerator[Seen], client.watch(stream, position))
    async with aclosing(watch):
        async for seen in watch:
            if text := await follow.seen(seen):
                yield text
            if follow.over:
                return


def _opened(usual: SessionOpened, model: str, mode: str) -> SessionOpened:
    """How the session is opened: as usual but for what was said. Raises ConfigError."""
    opened = msgspec.structs.replace(usual, model=model or usual.model, mode=mode or usual.mode)
    if not opened.model:
        raise ConfigError("there is no model: name one, PROVIDER/MODEL, or set TUIAGENT_MODEL")
    return opened


class _Follow:
    """What has come of one run so far."""

    def __init__(
        self, client: Client, stream: str, run: str, on_approval: OnApproval | None
    ) -> None:
        self._client, self._stream, self._run = client, stream, run
        self._on_approval = on_approval
        self._calls: dict[str, Call] = {}
        self._attempt = ""
        self._written = 0
        self._between = ""
        """What comes before the next words."""
        self.over = False

    async def seen(self, seen: Seen) -> str:
        """Takes what was seen next; new words, or ""."""
        if isinstance(seen, Halted):
            raise StoreError(seen.why)
        if isinstance(seen, Delta):
            known = seen.attempt == self._attempt and not seen.reasoning
            return self._words(seen.offset, seen.text) if known else ""
        if not isinstance(seen, Event):
            return ""
        fact = seen.fact
        if isinstance(fact, AttemptStarted) and self._mine(fact.attempt):
            self._between = "\n" if self._written else self._between
            self._attempt, self._written = fact.attempt, 0
        elif isinstance(fact, ReplyReceived) and fact.attempt == self._attempt:
            self._calls |= {call.id: call for call in fact.reply.calls}
            return self._words(0, fact.reply.text)
        elif isinstance(fact, CallAmended) and fact.call in self._calls:
            amended = msgspec.structs.replace(self._calls[fact.call], args=fact.args)
            self._calls[fact.call] = amended
        elif isinstance(fact, CallJudged) and fact.verdict.decision == "ask":
            await self._approve(fact)
        elif isinstance(fact, CallDeferred) and self._mine(fact.call):
            raise self._waits(f"it asks {fact.question.text!r}")
        elif isinstance(fact, RunFinished) and fact.run == self._run:
            self.over = True
            if fact.status != "done":
                raise TuiagentError(f"{fact.status}: {fact.error}" if fact.error else fact.status)
        return ""

    def _mine(self, ident: str) -> bool:
        """Whether an attempt or call is of this run."""
        return ident.startswith(f"{self._run}.")

    def _words(self, offset: int, text: str) -> str:
        """What of this text was not given yet."""
        fresh = text[max(0, self._written - offset) :]
        if not fresh or offset > self._written:
            return ""
        self._written = offset + len(text)
        before, self._between = self._between, ""
        return before + fresh

    async def _approve(self, fact: CallJudged) -> None:
        call = self._calls.get(fact.call)
        if call is None:
            return  # of another run, or an undo
        verdict = fact.verdict
        ident = self._stream.partition("/")[2]
        wish = Wish(ident, fact.call, call.name, call.args, verdict.reason, verdict.offer)
        if self._on_approval is None:
            raise self._waits(f"{call.name} {fact.claims.subject!r} has to be allowed")
        answer = self._on_approval(wish)
        allow = await answer if isawaitable(answer) else answer
        with suppress(Refused):  # somebody else was faster, or it has changed and asks anew
            await self._client.submit(
                AnswerApproval(self._stream, fact.call, fact.digest, bool(allow))
            )

    def _waits(self, what: str) -> TuiagentError:
        ident = self._stream.partition("/")[2]
        return TuiagentError(f"it waits for a person: {what}; tuiagent attach {ident}")
