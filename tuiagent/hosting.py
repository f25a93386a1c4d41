"""What clients need of any process that opens sessions, whoever drives them then."""

from collections.abc import Callable, Mapping

import msgspec

from tuiagent import config, runtimes, vaults
from tuiagent.clients.console import Console
from tuiagent.config import Flags, Settings
from tuiagent.engine.clock import World
from tuiagent.kernel.claims import OFF
from tuiagent.kernel.rules import Rule
from tuiagent.kernel.session import SessionOpened
from tuiagent.kernel.standing import Standing
from tuiagent.registry import load


class Hosting:
    """The part of clients.host.Host that is the same with an engine here and without one."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        console: Console,
        kept: Callable[[], Standing],
    ) -> None:
        self.settings = settings
        self.environ = environ
        self.console = console
        self.keys = load(vaults.TABLE["kept"])(settings.home)
        self._kept = kept
        self._world = World(environ.get("TUIAGENT_CRASH", ""))

    def opening(self, folder: str) -> SessionOpened:
        """How a session in this folder is opened here."""
        opened = config.opening(self.settings, folder, self.environ)
        said = self.settings.flags is not None and self.settings.flags.no_sandbox
        where = (opened.folder, opened.environment, self.settings.root)
        sandbox = OFF if said else load(runtimes.HOLDING)(*where)[0]
        return msgspec.structs.replace(opened, rules=self.rules(opened.folder), sandbox=sandbox)

    def rules(self, folder: str) -> tuple[Rule, ...]:
        """The rules that hold for sessions in this folder, configured ones and kept ones."""
        kept = self._kept().holding(folder, self._world.now())
        return (*config.rules_in(self.settings, folder), *kept)

    def reload(self) -> None:
        """Reads the settings again. Raises ConfigError, and then those before hold."""
        self.settings = config.load(self.environ, self.settings.flags or Flags())

    def new_id(self) -> str:
        """A new id for a session or a prompt."""
        return self._world.new_id()
