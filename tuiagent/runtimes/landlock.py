"""Landlock, where there is no bubblewrap: a command that gives up rights before it begins.

Run as a program in front of the command, which it becomes; it needs only the standard library and
runtimes.seccomp beside it. It holds writes, reads of what is hidden, and the network. It is weaker:
there are no name spaces, so /tmp, other processes and Unix sockets with a file are reached; owners,
permissions and times of files can be changed; and what in the session's folder makes other programs
run cannot be held, as rights are given to whole folders. See landlock(7).
"""

import ctypes
import itertools
import os
import stat
import struct
import sys

NAME = "landlock"
LEAST = 3
"""The oldest version of the interface that holds what is needed."""
CREATE, ADD, RESTRICT = 444, 445, 446
NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER = 38, 22, 2
READ = 1 << 2
WRITE = 1 << 1 | 1 << 14
"""Writing and cutting a file."""
CHANGE = WRITE | sum(1 << bit for bit in range(4, 14))
"""That, and making, removing and moving whatever there is."""
SCOPES = 3
"""Abstract sockets of others, and their processes' signals."""
DEVICES = "null zero full random urandom tty ptmx pts shm stdout stderr fd".split()
WRITABLE = ("/tmp", "/var/tmp", *(f"/dev/{name}" for name in DEVICES))
"""What every command may write beside its folder."""
PATH_ONLY = getattr(os, "O_PATH", 0)


def version() -> int:
    """The version of the interface that the kernel has; 0 for none."""
    return max(0, ctypes.CDLL(None).syscall(CREATE, None, 0, 1))


def prefix(writable: list[str], hidden: list[str], shown: list[str], online: bool) -> list[str]:
    """What stands before the command; what is shown of the hidden is shown to be read."""
    words = [word for path in writable for word in ("--write", path)]
    words += [word for path in shown for word in ("--show", path)]
    words += [word for path in hidden for word in ("--hide", path)]
    words += ["--online"] if online else []
    return [os.path.realpath(sys.executable), "-IS", os.path.abspath(__file__), *words, "--"]


def main() -> None:
    """Gives up what the arguments do not leave, and becomes the command."""
    words = sys.argv[1:]
    end = words.index("--")
    flags, argv = words[:end], words[end + 1 :]
    paths: dict[str, list[str]] = {"--write": [], "--hide": [], "--show": []}
    for flag, path in itertools.pairwise(flags):
        paths.get(flag, []).append(path)
    readable = [*seen(paths["--hide"]), *paths["--show"]]
    restrict(paths["--write"], readable, "--online" in flags)
    os.execv(argv[0], argv)


def restrict(writable: list[str], readable: list[str], online: bool) -> None:
    """Gives up the rest, for this process and all that it begins. Raises OSError."""
    system = ctypes.CDLL(None, use_errno=True)
    found = version()
    if found < LEAST:
        raise OSError("Landlock does not work here")
    scopes = SCOPES if found >= 6 else 0
    made = struct.pack("<QQQ", CHANGE | READ, 0, scopes)[: 24 if found >= 6 else 8]
    rules = _done(system.syscall(CREATE, made, len(made), 0))
    for path in (*writable, *WRITABLE):
        _allow(system, rules, path, CHANGE | READ)
    for path in readable:
        _allow(system, rules, path, READ)
    _done(system.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _done(system.syscall(RESTRICT, rules, 0))
    os.close(rules)
    _filter(system, online)


def seen(hidden: list[str]) -> list[str]:
    """Whatever there is beside what is hidden, by as few paths as that takes."""
    found: list[str] = []
    left = ["/"]
    while left:
        top = left.pop()
        if top in hidden:
            continue
        if not any(path.startswith(top.rstrip("/") + "/") for path in hidden):
            found.append(top)
            continue
        try:
            left += [os.path.join(top, name) for name in os.listdir(top)]
        except OSError:
            continue  # what cannot be listed is not read either
    return found


def _allow(system: ctypes.CDLL, rules: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, PATH_ONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return  # it is not there, or has just gone
    try:
        mode = os.fstat(place).st_mode
        if stat.S_ISLNK(mode):
            return  # what it leads to counts, where that is
        if not stat.S_ISDIR(mode):
            rights &= WRITE | READ
        rule = struct.pack("<Qi", rights, place)
        _done(system.syscall(ADD, rules, 1, rule, 0))
    finally:
        os.close(place)


def _filter(system: ctypes.CDLL, online: bool) -> None:
    """No system call that a sandbox refuses; offline, no socket but Unix ones."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import seccomp  # noqa: PLC0415  # pyright: ignore - it lies beside this program

    body = seccomp.program(online)
    if not body:
        raise OSError("the network cannot be held on such a machine")
    rows = ctypes.create_string_buffer(body, len(body))
    whole = struct.pack("HxxxxxxP", len(body) // 8, ctypes.addressof(rows))
    _done(system.prctl(SET_SECCOMP, FILTER, whole, 0, 0))


def _done(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


if __name__ == "__main__":
    main()
