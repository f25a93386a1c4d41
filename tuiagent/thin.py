"""A headless command that the background server runs: this process only passes on what comes.

It loads next to nothing, as a start is made of imports. Whatever is unusual is left to the usual
way, before anything was done. On the wire stand frames: a letter, four bytes of length, a payload.
"""

# The modules that wrap these two cost 9 ms, which is as much as the rest of the start.
import _socket
import os
import sys
from _signal import SIGALRM, SIGHUP, SIGINT, SIGTERM, alarm, signal  # type: ignore[reportMissingImports]
from _socket import AF_UNIX, SOCK_STREAM, socket

from tuiagent import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

SOCKET = "server.sock"
"""The server's socket for such commands, in the state root."""
CALL, INPUT, SIGNAL = b"C", b"I", b"S"
"""To the server: the fields of `call`; all that was piped in; the number of a signal."""
DECLINED, ACCEPTED, ASKED, LISTENS, OUT, ERR, EXIT = b"N", b"Y", b"?", b"L", b"1", b"2", b"X"
"""From it: nothing was done; it begins (its process id); it wants what is piped in (1: to the end,
0: only what is there already); it listens to signals; output; the exit code."""
NAMES = ("-p", "--headless")
LONGEST = 100
"""Bytes of a socket's path that every system takes."""
PATIENCE = 2
"""Seconds that a server gets to answer a signal that ends this process."""
GONE = """\
the server (process {}) has ended; what it did is kept, and goes on with the next one: \
tuiagent serve"""
CUT = "tuiagent: standard output does not hold everything that was said: {}"


def call(argv: list[str], stdio: str) -> list[bytes]:
    """What is sent: version, folder, streams, the number of arguments, these, the environment."""
    args = [os.fsencode(arg) for arg in argv]
    environ = [name + b"=" + value for name, value in os.environb.items()]
    head = [__version__, os.getcwd(), stdio, str(len(args))]
    return [*map(os.fsencode, head), *args, *environ]


def run(argv: list[str]) -> int | None:
    """The exit code of the command; None where the usual way is to be gone."""
    headless = argv[:1] == ["run"] or any(arg.startswith(NAMES) for arg in argv)
    path = os.path.join(root(), SOCKET) if headless and root() else ""
    if not path or len(os.fsencode(path)) > LONGEST or sys.getfilesystemencoding() != "utf-8":
        return None
    peer = socket(AF_UNIX, SOCK_STREAM)
    try:
        peer.connect(path)
        if not _own(peer):
            return None
        stdio = "".join(map(_kind, (sys.stdin, sys.stdout, sys.stderr)))
        _send(peer, CALL, b"\0".join(call(argv, stdio)))
        kind, pid = _receive(peer)
        return _follow(peer, pid) if kind == ACCEPTED else None
    except OSError:
        return None
    except KeyboardInterrupt:
        _write(2, b"tuiagent: interrupted\n")
        return 1
    finally:
        peer.close()


def root() -> str:
    """The state root; "" where only the configuration could tell."""
    home, state = os.environ.get("HOME", ""), os.environ.get("XDG_STATE_HOME", "")
    usual = os.path.join(state or os.path.join(home, ".local/state"), "tuiagent")
    found = os.environ.get("TUIAGENT_HOME") or (usual if home else "~")
    return "" if found.startswith("~") else found


def _own(peer: socket) -> bool:
    """Whether a process of this user listens there, where the system can say: it gets the keys."""
    if not hasattr(_socket, "SO_PEERCRED"):
        return True  # the folder's own mode has to do
    who = peer.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
    return int.from_bytes(who[4:8], sys.byteorder) == os.getuid()


def _kind(stream: "TextIO | None") -> str:
    """What one of the standard streams is: "-" closed, "t" a terminal, "p" a pipe or a file.

    Raises OSError for one that is not UTF-8, which only this process could write.
    """
    if stream is None:
        return "-"
    if stream.encoding != "utf-8":
        raise OSError(stream.encoding)
    return "t" if stream.isatty() else "p"


def _follow(peer: socket, pid: bytes) -> int:
    """Passes on what comes until the command ends; its exit code."""
    cut = ""
    try:
        while True:
            kind, payload = _receive(peer)
            if kind == EXIT:
                return cut_off(cut, payload[0])
            if kind == ASKED:
                _send(peer, INPUT, _piped(payload == b"1"))
            elif kind == LISTENS:
                _listen(peer)
            elif kind == OUT:
                cut = _write(1, payload) or cut
            else:
                _write(2, payload)
    except OSError:
        _write(2, f"tuiagent: {GONE.format(pid.decode())}\n".encode())
        return 1


def _listen(peer: socket) -> None:
    """From now on signals are the server's; one that ends this process does so in any case."""
    interrupts: list[int] = []

    def heard(number: int, frame: object) -> None:
        if number != SIGINT or interrupts:
            signal(SIGALRM, lambda *_: os._exit(128 + number))
            alarm(PATIENCE)
        interrupts.append(number)
        _send(peer, SIGNAL, bytes([number]))

    for number in (SIGINT, SIGTERM, SIGHUP):
        signal(number, heard)


def _piped(wait: bool) -> bytes:
    """Standard input to its end; unless it may wait, nothing where nothing is there already."""
    from select import select  # noqa: PLC0415 - few are asked for it

    if not wait and not select([0], [], [], 0)[0]:
        return b""
    pieces: list[bytes] = []
    while piece := os.read(0, 1 << 20):
        pieces.append(piece)
    return b"".join(pieces)


def _send(peer: socket, kind: bytes, payload: bytes) -> None:
    peer.sendall(kind + len(payload).to_bytes(4, "big") + payload)


def _receive(peer: socket) -> tuple[bytes, bytes]:
    """The next frame. Raises OSError when the other side has gone."""
    head = _exactly(peer, 5)
    return head[:1], _exactly(peer, int.from_bytes(head[1:], "big"))


def _exactly(peer: socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = peer.recv(size - len(data))
        if not piece:
            raise ConnectionError
        data += piece
    return data


def cut_off(why: str, code: int) -> int:
    """The exit code of a command whose output was cut off for this reason, "" for none."""
    if why:
        _write(2, f"{CUT.format(why)}\n".encode())
    return code or bool(why)


def full(error: OSError) -> str:
    """Why a full disk does not hold what was written; "" where that is not what is wrong."""
    from errno import EDQUOT, EFBIG, ENOSPC  # noqa: PLC0415 - few disks are full

    return os.strerror(error.errno) if error.errno in (EDQUOT, EFBIG, ENOSPC) else ""


def _write(stream: int, data: bytes) -> str:
    """Writes all of it; why a full disk does not hold it. A reader that has gone is no failure."""
    try:
        while data:
            data = data[os.write(stream, data) :]
    except OSError as error:
        return full(error)
    return ""
