"""Outside of a sandbox: lets one command reach the hosts that it may, by HTTP and by CONNECT.

Run as a program of its own for each such command, so that it outlives the engine as the command
does, and ends with it. Arguments: the descriptor of a listening socket, the spool, the hosts. Names
are resolved here only. A name must lead to a public address, as whoever owns it could have it
lead to this machine or its neighbours; a host that is named by its address is reached by that.
"""

import contextlib
import ipaddress
import os
import re
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from tuiagent.internet import public
from tuiagent.runtimes.relay import BYTES, pump
from tuiagent.runtimes.spool import Spool

USUAL = (80, 443)
"""The ports of a host that is named without one."""
HEAD, PATIENCE, CROWD = 1 << 16, 30.0, 128
"""Bytes of a request's head; seconds for it, and for a connection; connections at a time."""
START = (
    "import sys; sys.path[:] = sys.argv.pop(1).split(':'); "
    "from tuiagent.runtimes.proxy import main; main()"
)
REFUSED = (
    "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n"
    "Connection: close\r\n\r\n{}"
)
Resolve = Callable[[str, int], Iterable[str]]


class Wanted(Struct, frozen=True):
    """What a request wants to reach."""

    host: str
    port: int
    head: bytes
    """What the host is to be sent first; b"" for a tunnel."""


def begin(gate: str, spool: str, hosts: Sequence[str]) -> Callable[[], object]:
    """Opens the socket, so that nobody comes too early; gives what starts the program."""
    listener = socket.socket(socket.AF_UNIX)
    folder = os.open(os.path.dirname(gate), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:  # as the paths of sockets are short
        listener.bind(f"/proc/self/fd/{folder}/{os.path.basename(gate)}")
    finally:
        os.close(folder)
    listener.listen(CROWD)

    def start() -> None:
        argv = [sys.executable, "-IS", "-c", START, ":".join(sys.path), str(listener.fileno())]
        null = subprocess.DEVNULL
        with listener:
            process = subprocess.Popen(
                [*argv, spool, *hosts],
                env={},
                cwd="/",
                stdin=null,
                stdout=null,
                stderr=null,
                start_new_session=True,
                pass_fds=[listener.fileno()],
            )
        threading.Thread(target=process.wait, daemon=True).start()  # reaps it

    return start


def main() -> None:
    """Serves until the command has ended."""
    descriptor, folder, *hosts = sys.argv[1:]
    spool, left = Spool(folder), threading.BoundedSemaphore(CROWD)
    with socket.socket(fileno=int(descriptor)) as listener:
        while os.path.isdir(folder) and spool.held():
            if select.select([listener], [], [], 1.0)[0] and left.acquire(timeout=1.0):
                one, _ = listener.accept()
                threading.Thread(target=_serve, args=(one, hosts, left), daemon=True).start()


def _serve(one: socket.socket, hosts: Sequence[str], left: threading.BoundedSemaphore) -> None:
    with one, contextlib.suppress(OSError):
        try:
            serve(one, hosts)
        finally:
            left.release()


def serve(one: socket.socket, hosts: Sequence[str], resolve: Resolve | None = None) -> None:
    """One connection, to its end. Raises OSError."""
    one.settimeout(PATIENCE)
    head, rest = _head(one)
    found = wanted(head)
    if found is None:
        return _refuse(one, "this is no request of a proxy")
    if not allowed(found.host, found.port, hosts):
        return _refuse(one, f"{found.host}:{found.port} may not be reached from the sandbox")
    places = addresses(found.host, found.port, resolve or resolved)
    if not places:
        return _refuse(one, f"{found.host} leads to no public address")
    with socket.create_connection((places[0], found.port), PATIENCE) as other:
        if found.head:
            other.sendall(found.head)
        else:
            one.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        other.sendall(rest)
        for end in (one, other):
            end.settimeout(None)
        pump(one, other)


def wanted(head: bytes) -> Wanted | None:
    """What the head of a request wants; None for what no client of a proxy sends."""
    line, _, fields = head.partition(b"\r\n")
    try:
        method, target, version = line.decode("ascii").split(" ")
    except ValueError:
        return None
    if method == "CONNECT":
        place = _place(target, 0)
        return Wanted(*place, b"") if place else None
    match = re.fullmatch(r"http://([^/?#@\s]+)([/?][^\s]*)?", target, re.IGNORECASE)
    place = _place(match[1], 80) if match else None
    if match is None or place is None:
        return None
    kept = [
        row
        for row in fields.split(b"\r\n")
        if row and not re.match(rb"(host|connection|proxy-[a-z-]+|upgrade)[ \t]*:", row, re.I)
    ]
    path = match[2] or "/"
    first = f"{method} {path if path[0] == '/' else '/' + path} {version}\r\nHost: {match[1]}"
    return Wanted(*place, b"\r\n".join([first.encode(), *kept, b"Connection: close", b"", b""]))


def _place(text: str, usual: int) -> tuple[str, int] | None:
    """A host and its port as they are written together."""
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)(?::([0-9]{1,5}))?", text)
    port = int(match[2] or usual) if match else 0
    if match is None or not 0 < port < 65536:
        return None
    return match[1].strip("[]").lower().rstrip("."), port


def allowed(host: str, port: int, hosts: Iterable[str]) -> bool:
    """Whether one of these names exactly this host, and this port or none."""
    for name in hosts:
        place = _place(name, USUAL[0])
        if place and place[0] == host:
            said = re.search(r":[0-9]+$", name) and not re.fullmatch(r"\[.*\]", name)
            if port == place[1] if said else port in USUAL:
                return True
    return False


def addresses(host: str, port: int, resolve: Resolve) -> list[str]:
    """The addresses at which a host may be reached: public ones, unless it is named by its own."""
    with contextlib.suppress(ValueError):
        return [str(ipaddress.ip_address(host))]
    if host == "localhost":
        return ["127.0.0.1"]
    return [one for one in resolve(host, port) if public(one)]


def resolved(host: str, port: int) -> list[str]:
    """The addresses of a name. Raises OSError."""
    rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(row[4][0]) for row in rows]


def _head(one: socket.socket) -> tuple[bytes, bytes]:
    """The head of a request, and what came behind it. Raises OSError."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = one.recv(BYTES)
        data += more
        if not more or len(data) > HEAD:
            return b"", b""
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def _refuse(one: socket.socket, why: str) -> None:
    text = f"{why}; a call can ask for it by naming it in `hosts`\n"
    one.sendall(REFUSED.format(len(text.encode()), text).encode())
