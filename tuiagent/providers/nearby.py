"""Servers of models on this machine, found on their usual ports; offered, never silently used."""

import asyncio
from typing import Any

import msgspec
from msgspec import Struct

PORTS = {"ollama": 11434, "lmstudio": 1234, "vllm": 8000, "llamacpp": 8080}
PATIENCE = 0.5
"""Seconds in which a server on this machine has to answer."""
LARGEST = 1 << 20


class Server(Struct, frozen=True):
    """One that answered as OpenAI's does."""

    name: str
    url: str
    models: tuple[str, ...]


async def nearby(ports: dict[str, int] = PORTS) -> list[Server]:
    """Those that answer now, each with the models that it names."""
    found = await asyncio.gather(*(_ask(name, port) for name, port in ports.items()))
    return [server for server in found if server is not None]


async def _ask(name: str, port: int) -> Server | None:
    try:
        async with asyncio.timeout(PATIENCE):
            body = await _get(port, "/v1/models")
        told: Any = msgspec.json.decode(body)
        models = tuple(str(row["id"]) for row in told["data"])
    except (OSError, TimeoutError, ValueError, LookupError, TypeError, msgspec.MsgspecError):
        return None
    return Server(name, f"http://127.0.0.1:{port}/v1", models)


async def _get(port: int, path: str) -> bytes:
    """The body of an answer, read to its end. Raises ValueError for any other than 200."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        host = f"Host: 127.0.0.1:{port}\r\nConnection: close\r\n"
        writer.write(f"GET {path} HTTP/1.0\r\n{host}\r\n".encode())
        answer = b""
        while len(answer) < LARGEST and (more := await reader.read(1 << 16)):
            answer += more
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.partition(b"\r\n")[0] + b" ":
        raise ValueError(head[:100])
    return body
