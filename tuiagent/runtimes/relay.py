"""Within a sandbox: hands what comes to a port of its own loop-back on to a Unix socket.

Run as a program in front of the command, which it becomes; it needs only the standard library.
Arguments: the socket, then the command. What stands behind the socket is runtimes.proxy.
"""

import os
import select
import socket
import sys
import threading

PORT = 3128
BYTES = 1 << 16
NAMES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")


def main() -> None:
    """Serves in a process of its own, and becomes the command."""
    gate, *argv = sys.argv[1:]
    listener = socket.create_server(("127.0.0.1", PORT), backlog=128)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            nothing = os.open(os.devnull, os.O_RDWR)
            for descriptor in range(3):
                os.dup2(nothing, descriptor)
            serve(listener, gate)
        os._exit(0)
    os.wait()
    listener.close()
    os.environ.update(dict.fromkeys(NAMES, f"http://127.0.0.1:{PORT}"))
    os.environ.update(dict.fromkeys(("no_proxy", "NO_PROXY"), "localhost,127.0.0.1,::1"))
    os.execv(argv[0], argv)


def serve(listener: socket.socket, gate: str) -> None:
    """Hands on every connection, for as long as the sandbox lives."""
    while True:
        one, _ = listener.accept()
        threading.Thread(target=hand_on, args=(one, gate), daemon=True).start()


def hand_on(one: socket.socket, gate: str) -> None:
    """One connection, to its end."""
    with one, socket.socket(socket.AF_UNIX) as other:
        try:
            other.connect(gate)
            pump(one, other)
        except OSError:
            return  # either side has gone


def pump(one: socket.socket, other: socket.socket) -> None:
    """Copies both ways until both sides have ended. Raises OSError."""
    open_ones = {one: other, other: one}
    while open_ones:
        for ready in select.select(list(open_ones), [], [])[0]:
            data = ready.recv(BYTES)
            if data:
                open_ones[ready].sendall(data)
            else:
                open_ones.pop(ready).shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    main()
