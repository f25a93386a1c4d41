"""What the app opens over the work place; each is loaded when it is first asked for."""

from collections.abc import Awaitable, Callable
from typing import Any

from textual import events
from textual.screen import Screen
from textual.theme import Theme

from tuiagent.clients.tui import themes
from tuiagent.clients.tui.bridge import Desk
from tuiagent.clients.tui.driver import TerminalApp
from tuiagent.clients.tui.layout import Layout
from tuiagent.kernel.errors import ConfigError
from tuiagent.kernel.grants import ChangeMode
from tuiagent.registry import load

SCREENS = "tuiagent.clients.tui.screens"
MODES = {
    "ask": "reads freely, asks before anything else",
    "accept-edits": "also changes files of the folder without asking",
    "plan": "reads and plans, changes nothing",
    "auto": "asks nothing that the sandbox holds back",
    "locked": "refuses instead of asking",
}
"""What may be done without asking; see kernel.policy."""


class Opens(TerminalApp):
    """The app's actions that open something, the theme, and what is told beside."""

    desk: Desk
    layout: Layout

    def __init__(self) -> None:
        super().__init__()
        self.wrong = ""
        """What could not be read before there was a screen to say so on."""

    def dress(self, name: str) -> None:
        """Puts on a theme; one that cannot be read leaves the one before, and says why."""
        home = self.desk.host.settings.home
        try:
            path = themes.files(home).get(name)
            if path is None:
                raise ConfigError(f"there is no theme {name!r}: /theme lists those there are")
            self.register_theme(self._colored(themes.read(path)))
        except ConfigError as error:
            self.wrong = str(error)
            if self.is_running:
                self.desk.trouble(self.wrong)
            elif name != themes.USUAL:
                self.dress(themes.USUAL)
            return
        if self.theme == name:
            self._invalidate_css()
            self.call_next(self.refresh_css)
        self.theme = name

    def _colored(self, theme: Theme) -> Theme:
        """The theme with the accent of config.toml; a colour that there is not is told of."""
        screen = self.desk.host.settings.tui
        try:
            return themes.colored(theme, screen.theme_color) if screen else theme
        except ConfigError as error:
            self.wrong = str(error)
            return theme

    async def _redress(self) -> None:
        """Puts the theme on again whenever its file is edited."""
        async for edited in themes.edited(self.desk.host.settings.home):
            if self.theme in edited:
                self.dress(self.theme)

    async def wear(self, name: str) -> None:
        """Puts on a theme, from now on."""
        self.dress(name)
        if self.theme == name:
            self.layout.wear(name)

    def on_print(self, event: events.Print) -> None:
        """Shows what is told beside, such as that a connection was lost."""
        if event.text.strip():
            self.desk.trouble(event.text.strip().removeprefix("tuiagent: "))

    async def command(self, name: str, rest: str = "") -> None:
        """Does what a command of the prompt does; a refusal is shown."""
        find = load("tuiagent.clients.tui.commands:find")
        await self.desk.attempt(find(name).do(self, rest))

    def action_changes(self) -> None:
        """Every call that changed files, to be looked at and taken back."""
        self.push_screen(load("tuiagent.clients.tui.diff.screens:ChangesScreen")())

    def action_grants(self) -> None:
        """What was granted."""
        self.push_screen(load("tuiagent.clients.tui.grants:GrantsScreen")())

    def action_context(self) -> None:
        """What fills the context window."""
        self.push_screen(load("tuiagent.clients.tui.context:ContextScreen")())

    def action_help(self) -> None:
        """The keys that work here, the commands and the guides."""
        bindings = [active.binding for active in self.screen.active_bindings.values()]
        keys = [(self.get_key_display(b), b.description, b.id) for b in bindings if b.description]
        self.push_screen(load(f"{SCREENS}.help:Help")(sorted(set(keys))))

    def action_palette(self) -> None:
        """Everything, by a few letters."""
        load(f"{SCREENS}.palette:palette")(self)

    def action_welcome(self, then: Callable[[object], Awaitable[None]] | None = None) -> None:
        """The way to a first model, and what is done after it."""
        self.push_screen(load(f"{SCREENS}.welcome:Welcome")(), then)

    async def action_fork(self) -> None:
        """Goes on from here in a copy of the session."""
        conversation = self.desk.conversation
        if conversation is None:
            raise ConfigError("there is no session yet: say something first")
        status = conversation.status
        fork = load("tuiagent.clients.tui.places:fork")
        await fork(self, conversation.stream, status.folder, status.model)

    async def action_export(self, path: str = "") -> None:
        """Writes the session to a file. Raises ConfigError."""
        conversation = self.desk.conversation
        if conversation is None or not path:
            raise ConfigError("say a file, such as /export talk.md, in a session")
        row = await load("tuiagent.clients.find:named")(self.desk.client, conversation.stream)
        await load(f"{SCREENS}.deeds:export")(self, row, path)

    async def action_resume(self, name: str = "") -> None:
        """Another session, by its id or name; without one, all of them. Raises ConfigError."""
        if not name:
            await self.run_action("sessions")
            return
        row = await load("tuiagent.clients.find:named")(self.desk.client, name)
        await self.desk.host.adopt(row["stream"])
        await self.desk.open(row["stream"])

    async def action_trust(self, word: str = "all") -> None:
        """What this folder's files would have us run; with `asked`, only what is to be asked."""
        conversation = self.desk.conversation
        folder = self.desk.folder
        folder = conversation.status.folder if conversation else folder
        rows = await load("tuiagent.clients.trusting:brought")(self.desk.client, folder)
        if word == "asked":
            rows = [row for row in rows if row.state in ("new", "changed")]
        if rows:
            self.push_screen(load(f"{SCREENS}.trust:Trust")(rows))
        elif word != "asked":
            self.notify("nothing in this folder would be run", markup=False)

    def action_runs(self) -> None:
        """All runs."""
        self.push_screen(load(f"{SCREENS}.going:RunsSheet")())

    def action_jobs(self) -> None:
        """What runs in the background."""
        self.push_screen(load(f"{SCREENS}.going:JobsSheet")())

    def action_models(self) -> None:
        """Which model answers."""
        self.push_screen(load(f"{SCREENS}.models:ModelsSheet")())

    def action_keys(self) -> None:
        """The keys of models."""
        self.push_screen(load(f"{SCREENS}.keys:KeysSheet")())

    def action_servers(self) -> None:
        """MCP servers."""
        self.push_screen(load(f"{SCREENS}.servers:ServersSheet")())

    def action_settings(self) -> None:
        """Every setting."""
        self.push_screen(load(f"{SCREENS}.settings:SettingsSheet")())

    def action_sessions(self) -> None:
        """All sessions."""
        self._over(load(f"{SCREENS}.sessions:Sessions"))

    def action_scrub(self) -> None:
        """The session at hand as of any of its events."""
        if self.desk.conversation is not None:
            scrub = load(f"{SCREENS}.scrub:Scrub")
            self._over(scrub, self.desk.conversation.stream)

    def action_usage(self) -> None:
        """Tokens and money."""
        self._over(load(f"{SCREENS}.usage:UsageScreen"))

    def _over(self, screen: Any, *args: Any) -> None:
        """Opens a screen, unless it is the one that is seen."""
        if not isinstance(self.screen, screen):
            self.push_screen(screen(*args))

    def action_theme(self) -> None:
        """How it looks; each is shown while it is at hand."""
        choice, chooser = _chooser()
        before = self.theme
        names = themes.files(self.desk.host.settings.home)
        choices = [choice(name, mark="●" if name == before else "") for name in names]

        async def take(name: str | None) -> None:
            await self.wear(name) if name else self.dress(before)

        self.push_screen(chooser("Theme", choices, self.dress), take)

    def action_mode(self) -> None:
        """What may be done without asking."""
        choice, chooser = _chooser()
        conversation = self.desk.conversation
        now = conversation.status.mode if conversation else self.desk.host.settings.mode
        choices = [choice(m, text, "●" if m == now else "") for m, text in MODES.items()]

        async def take(mode: str | None) -> None:
            if mode and conversation is not None:
                await self.desk.send(ChangeMode(conversation.stream, mode))
            elif mode:
                self.desk.trouble(
                    "there is no session yet; --mode or the settings say how one begins"
                )

        self.push_screen(chooser("Mode", choices), take)

    def _place_cursor(self, screen: Screen[object], moved: bool = False) -> None:
        """Lets the terminal's cursor be where one types: input methods open there."""
        focused = self.focused
        place = getattr(focused, "cursor_screen_offset", None)
        if focused is not None and place is not None and (moved or place != self.cursor_position):
            self.cursor_position = place
            focused.refresh()  # the cursor is moved along with what is drawn


def _chooser() -> tuple[Any, Any]:
    return load(f"{SCREENS}.choose:Choice"), load(f"{SCREENS}.choose:Chooser")
