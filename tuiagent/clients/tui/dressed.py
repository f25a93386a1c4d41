"""How the app looks: its theme, and the rules for what opens over the work place."""

import os
from typing import Any

from textual.screen import Screen
from textual.theme import Theme

from tuiagent.clients.tui import themes
from tuiagent.clients.tui.bridge import Desk
from tuiagent.clients.tui.driver import TerminalApp
from tuiagent.clients.tui.layout import Layout
from tuiagent.kernel.errors import ConfigError

LOOKS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "screens", "screens.tcss")
"""How screens look; read behind the first frame."""


class Dressed(TerminalApp):
    """An app with a theme, which may be worn from now on, or be edited meanwhile."""

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

    def read_looks(self) -> None:
        """Has what opens over the work place look as it should."""
        if not self.stylesheet.has_source(LOOKS):
            self.stylesheet.read(LOOKS)

    def _load_screen_css(self, screen: Screen[Any]) -> None:
        self.read_looks()
        super()._load_screen_css(screen)

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
