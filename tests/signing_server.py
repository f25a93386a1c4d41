"""A server for tests that is signed in to, and that signs people in: MCP and OAuth in one."""

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

NEEDS = {"look": "read", "change": "read write"}
"""Tools, and the rights that each wants."""


class Signing:
    """What it knows of those who signed in."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        """The rights that people were asked for, each time."""
        self.tokens: dict[str, str] = {}
        """What each token lets its holder do."""
        self.codes: dict[str, str] = {}
        self.requests: list[str] = []

    def refusal(self, token: str, message: dict[str, Any]) -> tuple[int, str] | None:
        """Why a request is refused, and how that is said."""
        where = f'resource_metadata="{self.url}/.well-known/oauth-protected-resource/mcp"'
        if token not in self.tokens:
            return 401, f"Bearer {where}"
        tool = message.get("params", {}).get("name", "")
        wants = NEEDS.get(tool, "read")
        if set(wants.split()) <= set(self.tokens[token].split()):
            return None
        return 403, f'Bearer error="insufficient_scope", scope="{wants}", {where}'

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """What an MCP server says."""
        kinds: dict[str, dict[str, Any]] = {
            "initialize": {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "signing", "version": "1"},
            },
            "tools/list": {
                "tools": [{"name": name, "inputSchema": {"type": "object"}} for name in NEEDS]
            },
            "tools/call": {"content": [{"type": "text", "text": "done"}]},
        }
        if message["method"] not in kinds:
            return {"error": {"code": -32601, "message": "there is no such method"}}
        return {"result": kinds[message["method"]]}

    def metadata(self, path: str) -> dict[str, Any] | None:
        """What is said of signing in."""
        if path == "/.well-known/oauth-protected-resource/mcp":
            return {
                "resource": f"{self.url}/mcp",
                "authorization_servers": [self.url],
                "scopes_supported": ["read"],
            }
        if path == "/.well-known/oauth-authorization-server":
            return {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "registration_endpoint": f"{self.url}/register",
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
            }
        return None

    def came(self, address: str) -> str:
        """Where a person's browser is sent who says yes to what this address asks."""
        words = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        self.asked.append(words.get("scope", ""))
        code = secrets.token_hex(8)
        self.codes[code] = words.get("scope", "")
        return f"{words['redirect_uri']}?{urlencode({'code': code, 'state': words['state']})}"

    def token(self, form: str) -> dict[str, Any]:
        """The token for a code."""
        code = parse_qs(form)["code"][0]
        token = secrets.token_hex(8)
        self.tokens[token] = self.codes.pop(code)
        return {"access_token": token, "token_type": "Bearer", "scope": self.tokens[token]}


class Handler(BaseHTTPRequestHandler):
    """One request."""

    signing: Signing

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""

    def _say(self, status: int, body: Any = None, **headers: str) -> None:
        encoded = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(encoded))}.items():
            self.send_header(name.replace("_", "-"), value)
        if body is not None:
            self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(encoded)

    def do_GET(self) -> None:
        """Metadata, and nothing else."""
        self.signing.requests.append(f"GET {self.path}")
        found = self.signing.metadata(self.path)
        self._say(200 if found else 405 if self.path == "/mcp" else 404, found)

    def do_DELETE(self) -> None:
        """A session's end."""
        self._say(200)

    def do_POST(self) -> None:
        """MCP, and what gives tokens."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.signing.requests.append(f"POST {self.path}")
        if self.path == "/register":
            return self._say(201, {**json.loads(body), "client_id": "c1"})
        if self.path == "/token":
            return self._say(200, self.signing.token(body))
        message = json.loads(body)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if refused := self.signing.refusal(token, message):
            return self._say(refused[0], None, WWW_Authenticate=refused[1])
        if "id" not in message:
            return self._say(202)
        self._say(200, {"jsonrpc": "2.0", "id": message["id"], **self.signing.answer(message)})


@contextmanager
def signing() -> Iterator[Signing]:
    """The server, until this is left."""
    made = Signing()
    kind = type("Bound", (Handler,), {"signing": made})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        made.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
