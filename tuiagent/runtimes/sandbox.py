"""This machine behind walls: commands run in a sandbox, and files are seen as they see them."""

import hashlib
import os
import subprocess
from collections.abc import Callable, Sequence

import msgspec

from tuiagent.kernel.errors import ToolError
from tuiagent.ports import Execution, Exit, Stat
from tuiagent.runtimes import bubblewrap, probe, seatbelt, seccomp, walls
from tuiagent.runtimes.local import LocalRuntime
from tuiagent.runtimes.local_files import below
from tuiagent.runtimes.placeholders import Placeholders
from tuiagent.runtimes.spool import Spool
from tuiagent.runtimes.walls import Walls

PRIVATE = ("/tmp", "/var/tmp")
"""Where every folder's commands have files of their own."""
ANY = "*"
LINKS = 40
"""Symbolic links on one path, at most, as the kernel has it."""


class SandboxRuntime(LocalRuntime):
    """ports.Runtime behind walls.

    `own` is where the user's own settings lie; `write` and `hide` are paths that commands may
    write, and must not see, beside the usual ones; `hosts` are those that they may reach.
    """

    def __init__(
        self,
        folder: str,
        env: dict[str, str],
        spools: str,
        own: str = "",
        write: Sequence[str] = (),
        hide: Sequence[str] = (),
        hosts: Sequence[str] = (),
    ) -> None:
        super().__init__(folder, env, spools)
        self._homes = walls.homes_of(env)
        self._state = os.path.dirname(self._spools)
        self.sandbox, why = probe.holding(self.folder, env, self._state)
        if not self.sandbox:
            raise ToolError(why)
        self._env = {**self._env, **({"TMPDIR": "/tmp"} if "TMPDIR" in env else {})}
        named = [os.path.abspath(os.path.expanduser(path)) for path in write]
        self._named = [path for path in named if below(path, self.folder)]
        self._write = [os.path.realpath(path) for path in named if path not in self._named]
        self._hosts = hosts
        self._secret = (self._state, *([own] if own else []), *map(os.path.expanduser, hide))
        self._placeholders = Placeholders(self.folder, os.path.join(self._state, "held"))
        self._placeholders.clear()
        self._inner: list[list[str]] = []
        """The repositories within, once they were looked for."""
        bound = self.sandbox == bubblewrap.NAME  # the others cannot bind one place to another
        self._scratch = scratch(self.folder, self._state) if bound else ""

    # ------------------------------------------------------------ commands

    def _walls(self, spool: str = "") -> Walls:
        """What holds for a command of this call. Raises ToolError where it cannot hold."""
        if not self._inner:
            self._inner.append(walls.repositories(self.folder))
        asked = self._claims.folders if self._claims is not None else ()
        away = [path for path in asked if not below(path, self.folder)]
        if missing := next((path for path in away if not os.path.exists(path)), ""):
            raise ToolError(f"{missing} does not exist: the sandbox can only open what does")
        found = Walls(
            self.folder,
            self._scratch,
            [path for path in (*self._write, *away) if os.path.exists(path)],
            [*self._named, *asked],
            hidden=[*self._masks(), *walls.sockets()],
            shown=[spool] if spool else [],
        )
        walls.hold(found, self._inner[0], self._homes)
        return found

    def _launch(self, spool: Spool, execution: Execution) -> subprocess.Popen[bytes]:
        shown = spool.folder if execution.terminal else os.path.join(spool.folder, "command")
        found = self._walls(shown)
        if self.sandbox != bubblewrap.NAME:
            return self._begin(spool, execution, self._weaker(found, spool))
        if found.scratch:
            os.makedirs(found.scratch, 0o700, exist_ok=True)
            os.utime(found.scratch)  # so that it is kept while it is used
        lock, given = self._placeholders.hold(found.missing), seccomp.descriptor()
        try:
            hosts = self._reached()
            online, gate, start = ANY in hosts, "", bool
            if hosts and not online:
                from tuiagent.runtimes import proxy  # noqa: PLC0415 - few commands have hosts

                gate = os.path.join(spool.folder, "gate")
                start = proxy.begin(gate, spool.folder, hosts)
            terminal = execution.terminal is not None
            prefix = bubblewrap.prefix(found, given, online, terminal, gate)
            process = self._begin(spool, execution, prefix, held=lock, given=[given])
            start()
            return process
        finally:
            os.close(given)
            os.close(lock)

    def _reached(self) -> tuple[str, ...]:
        """The hosts that a command of this call may reach."""
        return (*self._hosts, *(self._claims.hosts if self._claims is not None else ()))

    def _weaker(self, found: Walls, spool: Spool) -> list[str]:
        """What stands before a command where there is no bubblewrap. Raises ToolError."""
        hosts = self._reached()
        if self._claims is not None and {*self._claims.hosts} - {ANY}:
            raise ToolError(
                f"{self.sandbox} cannot tell hosts apart: ask for any (`*`), or install bubblewrap"
            )
        if self.sandbox == seatbelt.NAME:
            return seatbelt.prefix(found, ANY in hosts)
        from tuiagent.runtimes import landlock  # noqa: PLC0415 - where there is nothing better

        writable = [self.folder, *found.writable, os.path.join(spool.folder, "output")]
        return landlock.prefix(writable, found.hidden, found.shown, ANY in hosts)

    async def exec(self, execution: Execution, output: Callable[[bytes], None]) -> Exit:
        """Starts the command and follows it to the end; being cancelled leaves it running."""
        try:
            return await super().exec(execution, output)
        finally:
            self._placeholders.clear()

    async def follow(self, execution: Execution, output: Callable[[bytes], None]) -> Exit:
        """Follows an execution that another process started, to its end."""
        try:
            return await super().follow(execution, output)
        finally:
            self._placeholders.clear()

    async def discard(self, spool: str) -> None:
        """Removes the spool folder of a settled call, and what stood in place of files."""
        await super().discard(spool)
        self._placeholders.clear()

    # ------------------------------------------------------------ files

    def resolve(self, path: str) -> str:
        """The absolute path with all links resolved as commands see them."""
        if not self._scratch:
            return super().resolve(path)
        left = self._absolute(path).split("/")[::-1]
        found, links = "/", 0
        while left:
            name = left.pop()
            if name in ("", ".", ".."):
                found = os.path.dirname(found) if name == ".." else found
                continue
            place = os.path.join(found, name)
            try:
                link = os.readlink(self._place(place))
            except OSError:
                found = place
                continue
            links += 1
            if links > LINKS:
                return os.path.normpath(os.path.join(place, *left[::-1]))
            found = "/" if link.startswith("/") else found
            left += link.split("/")[::-1]
        return found

    def _place(self, path: str) -> str:
        for top in PRIVATE if self._scratch else ():
            if below(path, top):
                return self._scratch + path[len(top) :]
        return path

    def _told(self, found: Stat) -> Stat:
        if not self._scratch or not below(found.path, self._scratch):
            return found
        path = PRIVATE[0] + found.path[len(self._scratch) :]
        return msgspec.structs.replace(found, path=path)

    async def list(self, path: str) -> list[Stat]:
        """What a folder holds, without what the sandbox hides."""
        masks = self._masks()
        found = await super().list(path)
        return [entry for entry in found if not self._hides(entry.path, masks)]

    def _may_list(self, path: str) -> None:
        self._seen(path)
        super()._may_list(path)

    def _may_read(self, path: str) -> None:
        self._seen(path)
        super()._may_read(path)

    def _may_write(self, path: str) -> None:
        self._seen(path)
        super()._may_write(path)

    def _seen(self, path: str) -> None:
        if self._hides(path, self._masks()):
            raise ToolError(
                f"{path} is hidden by the sandbox, as it holds keys or belongs to this program. "
                "A person can start a session with --no-sandbox."
            )

    def _masks(self) -> Sequence[str]:
        return walls.hidden(self._homes, self._secret)

    def _hides(self, path: str, masks: Sequence[str]) -> bool:
        """Whether the nearest wall around a resolved path is one that hides it."""
        hides = max((len(one) for one in masks if below(path, one)), default=0)
        tops = (self.folder, *self._write)
        return hides > max((len(one) for one in tops if below(path, one)), default=0)

    def _inside(self, path: str) -> bool:
        tops = (self.folder, *self._write, *(PRIVATE if self._scratch else ()))
        return any(below(path, top) for top in tops)


def scratch(folder: str, state: str) -> str:
    """The folder that commands see as /tmp; "" where each has its own, as these lie in /tmp."""
    if any(below(path, top) for path in (folder, state) for top in PRIVATE):
        return ""
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:32]
    return os.path.join(state, "tmp", name)
