"""Signing in to a server: the flow is the official SDK's, the tokens lie with kept keys."""

import asyncio
import html
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import msgspec
from mcp.client.auth.oauth2 import OAuthClientProvider
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from msgspec import Struct

from tuiagent.config_file import ServerTable
from tuiagent.connectors.servers import Server
from tuiagent.connectors.surroundings import Tokens
from tuiagent.kernel.errors import ToolError

HERE = "127.0.0.1"
INSUFFICIENT = "insufficient_scope"
"""How a server says that it wants more rights; see RFC 6750, section 3.1."""
PATIENCE = 600.0
"""Seconds in which a person signs in."""
PAGE = """\
HTTP/1.1 200 OK\r
Content-Type: text/html; charset=utf-8\r
Connection: close\r
\r
<!doctype html><title>tuiagent</title><p>{}"""


class Kept(Struct, omit_defaults=True):
    """What is kept of a server, as one secret."""

    url: str
    """Whose it is: for another address nothing of it counts."""
    tokens: dict[str, Any] | None = None
    client: dict[str, Any] | None = None
    challenge: str = ""
    """How the server said that it wants more rights than these tokens have."""


class Storage:
    """mcp's TokenStorage over what keeps secrets."""

    def __init__(self, server: Server, tokens: Tokens, back: str = "") -> None:
        self._name = f"mcp:{server.key}"
        self._table = server.table
        self._tokens = tokens
        self._back = back
        self._kept = Kept(server.table.url)

    async def load(self) -> bool:
        """Reads what is kept; whether there is a token."""
        text = await asyncio.to_thread(self._tokens.get, self._name)
        try:
            found = msgspec.json.decode(text or "{}", type=Kept)
        except msgspec.MsgspecError:
            return False
        if found.url == self._kept.url:
            self._kept = found
        return self._kept.tokens is not None

    @property
    def challenge(self) -> str:
        """The server's word that it wants more rights; "" where it wants none."""
        return self._kept.challenge

    async def want(self, challenge: str) -> None:
        """Keeps that word until somebody signs in."""
        if challenge != self._kept.challenge:
            self._kept.challenge = challenge
            await self._keep()

    async def get_tokens(self) -> OAuthToken | None:
        """See TokenStorage."""
        found = self._kept.tokens
        return OAuthToken.model_validate(found) if found else None

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """See TokenStorage."""
        self._kept.tokens = tokens.model_dump(mode="json", exclude_none=True)
        self._kept.challenge = ""
        await self._keep()

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """See TokenStorage."""
        table, found = self._table, self._kept.client
        if table.client_id and not _document(table):
            basic = "client_secret_basic" if table.client_secret else "none"
            found = {"client_id": table.client_id, "token_endpoint_auth_method": basic}
            found |= {"client_secret": table.client_secret} if table.client_secret else {}
            found |= {"redirect_uris": [self._back or f"http://{HERE}/callback"]}
        return OAuthClientInformationFull.model_validate(found) if found else None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """See TokenStorage."""
        self._kept.client = client_info.model_dump(mode="json", exclude_none=True)
        await self._keep()

    async def _keep(self) -> None:
        secret = msgspec.json.encode(self._kept).decode()
        await asyncio.to_thread(self._tokens.put, self._name, secret)


def wanted(response: httpx2.Response) -> str | None:
    """Of a refusal, which rights it wants, as it said it; "" for any, None where it is none."""
    said = response.headers.get("www-authenticate", "")
    if response.status_code == 403 and INSUFFICIENT in said:
        return said
    return "" if response.status_code == 401 else None


class Signed(OAuthClientProvider):
    """Signs requests, and refreshes what they are signed with; it has nobody sign in.

    What the server refuses is tried once more where somebody has signed in meanwhile, and else
    stays refused: which rights it wanted is kept for the next time that somebody does.
    """

    def __init__(self, server: Server, storage: Storage) -> None:
        table = server.table
        metadata = _metadata(f"http://{HERE}/callback")
        super().__init__(table.url, metadata, storage, client_metadata_url=_document(table))
        self._storage = storage

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """See httpx2."""
        flow = super().async_auth_flow(request)
        try:
            sent = await anext(flow)
            while True:
                response = yield sent
                if sent is request and (challenge := wanted(response)) is not None:
                    if await self._renewed(request):
                        response = yield request
                        challenge = wanted(response)
                    if challenge:
                        await self._storage.want(challenge)
                    return
                sent = await flow.asend(response)
        except StopAsyncIteration:
            return
        finally:
            await flow.aclose()

    async def _renewed(self, request: httpx2.Request) -> bool:
        """Signs with what is kept now, where that is something else."""
        await self._storage.load()
        found = await self._storage.get_tokens()
        signed = f"Bearer {found.access_token}" if found else ""
        if not signed or request.headers.get("Authorization") == signed:
            return False
        self.context.current_tokens = found
        request.headers["Authorization"] = signed
        return True


async def kept(server: Server, tokens: Tokens) -> httpx2.Auth | None:
    """What signs requests to a server that a person has signed in to; None for another.

    Raises StoreError where what is kept of it cannot be opened.
    """
    storage = Storage(server, tokens)
    return Signed(server, storage) if await storage.load() else None


class Challenging(httpx2.AsyncBaseTransport):
    """Answers the first request as the server did that wanted more rights; then it asks it."""

    def __init__(self, challenge: str) -> None:
        self._challenge = challenge
        self._inner = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """See httpx2."""
        challenge, self._challenge = self._challenge, ""
        if challenge:
            return httpx2.Response(403, headers={"www-authenticate": challenge}, request=request)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """See httpx2."""
        await self._inner.aclose()


async def sign_in(
    server: Server, tokens: Tokens, show: Callable[[str], None], typed: Awaitable[str]
) -> str:
    """Has a person sign in to a server; `show` tells them where. Says where that is kept.

    Their browser comes back here by itself. Where it is on another machine, `typed` is the address
    that it came to. Raises ToolError, and StoreError where nothing can be kept.
    """
    place = await asyncio.to_thread(tokens.place)
    back: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        words = (await reader.readline()).decode("ascii", "replace").split()
        ours = len(words) > 1 and urlsplit(words[1]).path == "/callback"
        if ours and not back.done():
            back.set_result(words[1])
        text = "You are back: close this page." if ours else "There is nothing here."
        writer.write(PAGE.format(html.escape(text)).encode())
        await writer.drain()
        writer.close()

    async def returned() -> AuthorizationCodeResult:
        other = asyncio.ensure_future(typed)
        await asyncio.wait({back, other}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        found = back.result() if back.done() else other.result() if other.done() else ""
        other.cancel()
        return _code(found)

    async def told(where: str) -> None:
        show(where)

    listening = await asyncio.start_server(come, HERE, 0)
    port = listening.sockets[0].getsockname()[1]
    at = f"http://{HERE}:{port}/callback"
    storage, url = Storage(server, tokens, at), server.table.url
    await storage.load()
    auth = OAuthClientProvider(url, _metadata(at), storage, told, returned, _document(server.table))
    way = Challenging(storage.challenge)
    async with listening, httpx2.AsyncClient(auth=auth, timeout=30.0, transport=way) as client:
        probe = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        accept = {"Accept": "application/json, text/event-stream"}
        await client.post(url, json=probe, headers=accept)
    if await storage.get_tokens() is None:
        raise ToolError("the server asks nobody to sign in")
    return place


def _code(address: str) -> AuthorizationCodeResult:
    """What the address that a browser came back to says. Raises ToolError."""
    words = parse_qs(urlsplit(address.strip()).query)
    if "error" in words or not words.get("code"):
        why = (words.get("error_description") or words.get("error") or ["no code came back"])[0]
        raise ToolError(f"nobody was signed in: {why[:300]}")
    state, issuer = words.get("state", [None])[0], words.get("iss", [None])[0]
    return AuthorizationCodeResult(code=words["code"][0], state=state, iss=issuer)


def _document(table: ServerTable) -> str | None:
    """The address of a document that says who we are, where a person has one."""
    return table.client_id if table.client_id.startswith("https://") else None


def _metadata(back: str) -> OAuthClientMetadata:
    return OAuthClientMetadata.model_validate(
        {
            "client_name": "tuiagent",
            "redirect_uris": [back],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }
    )
