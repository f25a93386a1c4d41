"""Signing in to a server: the flow is the official SDK's, the tokens lie in the keyring."""

import asyncio
import html
from collections.abc import Awaitable, Callable
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


class Storage:
    """mcp's TokenStorage over a keyring."""

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

    async def get_tokens(self) -> OAuthToken | None:
        """See TokenStorage."""
        found = self._kept.tokens
        return OAuthToken.model_validate(found) if found else None

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """See TokenStorage."""
        self._kept.tokens = tokens.model_dump(mode="json", exclude_none=True)
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


async def kept(server: Server, tokens: Tokens) -> httpx2.Auth | None:
    """What signs requests to a server that a person has signed in to; None for another."""
    storage = Storage(server, tokens)
    if not await storage.load():
        return None

    async def nobody(where: str) -> None:
        raise ToolError(f"log in: tuiagent mcp login {server.name}")

    table, metadata = server.table, _metadata(f"http://{HERE}/callback")
    document = _document(table)
    return OAuthClientProvider(table.url, metadata, storage, nobody, client_metadata_url=document)


async def sign_in(
    server: Server, tokens: Tokens, show: Callable[[str], None], typed: Awaitable[str]
) -> None:
    """Has a person sign in to a server; `show` tells them where.

    Their browser comes back here by itself. Where it is on another machine, `typed` is the address
    that it came to. Raises ToolError, and StoreError where there is no keyring.
    """
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
    auth = OAuthClientProvider(url, _metadata(at), storage, told, returned, _document(server.table))
    async with listening, httpx2.AsyncClient(auth=auth, timeout=30.0) as client:
        probe = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        accept = {"Accept": "application/json, text/event-stream"}
        await client.post(url, json=probe, headers=accept)
    if await storage.get_tokens() is None:
        raise ToolError("the server asks nobody to sign in")


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
