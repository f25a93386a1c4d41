"""The terminal as Textual's driver: taken over from the first frame, given back on every way out.

Everything happens on the app's loop: no thread waits for keys or writes, and nothing blocks.
"""

import gc
import os
import signal
import termios
import time
from codecs import getincrementaldecoder
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from rich.console import RenderableType
from textual import constants, events
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import (
    KITTY_DISAMBIGUATE_ESCAPE_CODES,
    KITTY_REPORT_ALL_KEYS,
    KITTY_REPORT_ASSOCIATED_TEXT,
    LinuxDriver,
)
from textual.filter import NoColor
from textual.geometry import Size
from textual.message import Message
from textual.screen import Screen
from textual.widgets import TextArea

from tuiagent.clients.terminal import SEQUENCES
from tuiagent.clients.tui.clipboard import sequence
from tuiagent.clients.tui.frames import Frames
from tuiagent.clients.tui.graphics import Graphics
from tuiagent.clients.tui.output import Output
from tuiagent.clients.tui.paint import CHARACTERS, ENTER, INPUT, LOCAL
from tuiagent.clients.tui.turns import Turns, Understood
from tuiagent.clients.tui.wished import Wished
from tuiagent.clients.window import Window

KITTY = KITTY_DISAMBIGUATE_ESCAPE_CODES | KITTY_REPORT_ALL_KEYS | KITTY_REPORT_ASSOCIATED_TEXT
PATIENCE = 1.0
"""Seconds in which a terminal that is given back has to read what mends it."""
SOON = 0.1
"""Seconds after which the app is drawn, though what was typed until then is not all understood."""
YOUNG = 10_000
"""New objects after which garbage is looked for: what a few frames are made of, so that it is gone
before it counts as old. With the usual 700 a look through all that is old came every second."""
LOOKS = (YOUNG, 2, 50)
"""What stays is looked at again after two such looks, not ten: 6 ms at once, where it was 30."""


class TerminalDriver(LinuxDriver):
    """What the second process does with the terminal; see clients.window."""

    def __init__(
        self,
        app: App[Any],
        *,
        window: Window,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._window = window
        self._parser = XTermParser(debug)
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._output = Output(window.terminal, self._loop, self._free)
        self.graphics = Graphics(self.write, os.environ, lambda: self._output.busy)
        self.turns = Turns(app, self._told)
        self._entered = False
        """Whether the terminal is as the app needs it."""
        self._stopping = False
        self.shown = False
        """Whether the app has drawn; until then the picture stands."""
        self._missed = False
        """Whether a frame was left out, so that the next one is a whole one."""

    # ------------------------------------------------------------ drawing

    def ready(self) -> bool:
        """Whether a frame can be drawn; where it cannot, a whole one follows once it can."""
        self._missed = not self.shown or self._output.behind
        return not self._missed

    def write(self, data: str) -> None:
        """See Driver."""
        self._output.write(data)

    def flush(self) -> None:
        """See Driver."""
        self._output.flush()

    def _free(self) -> None:
        if self._missed and self.shown:
            self._app.screen.refresh()

    # ------------------------------------------------------------ taking and giving back

    def start_application_mode(self) -> None:
        """The first time the picture stands until `take`; then again, at once."""
        self._loop.add_signal_handler(signal.SIGWINCH, self._resized)
        signal.signal(signal.SIGTSTP, self._stop)
        signal.signal(signal.SIGCONT, self._continued)
        self._send_size()
        if self.shown:
            self._window.hide()
            self._enter(ENTER + "\x1b[2J")
            self._app.screen.refresh()

    def take(self) -> None:
        """Takes the terminal over, and draws once what was typed until now has been understood."""
        keys = self._window.take()
        self._enter("")
        if keys:
            self._feed(keys)
        self._loop.call_later(SOON if self.turns.waits else 0, self._show)

    def _show(self) -> None:
        if not self.shown:
            self.shown = True
            self._app.screen.refresh()
            if isinstance(screen := self._app.screen, TerminalScreen):
                screen.draw()
            gc.freeze()  # what the start has made stays; the command line had turned collecting off
            gc.set_threshold(*LOOKS)
            gc.enable()

    def disable_input(self) -> None:
        """Reads nothing more: what is typed now is for whoever comes next."""
        self._loop.remove_reader(self.fileno)

    def stop_application_mode(self) -> None:
        """Gives the terminal back as it was."""
        self.disable_input()
        if self._entered:
            self._entered = False
            self._output.end(SEQUENCES, PATIENCE)
            with suppress(OSError, termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, self._window.modes)

    def suspend_application_mode(self) -> None:
        """Leaves the terminal to another program for a while; Ctrl-Z there stops this one too."""
        self.stop_application_mode()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        self._window.unhide()

    def close(self) -> None:
        """See Driver."""
        self._output.close()

    def _enter(self, first: str) -> None:
        """Has keys come as they are pressed, and the mouse, pasting and focus reported."""
        with suppress(OSError, termios.error):  # it is gone: reading tells
            modes = termios.tcgetattr(self.fileno)
            modes[LOCAL] = self._patch_lflag(modes[LOCAL])
            modes[INPUT] = self._patch_iflag(modes[INPUT])
            modes[CHARACTERS][termios.VMIN], modes[CHARACTERS][termios.VTIME] = 1, 0
            termios.tcsetattr(self.fileno, termios.TCSANOW, modes)
        self._entered = True
        self.write(first)
        self._enable_mouse_support()
        self.write("\x1b[?25l\x1b[?1004h")
        if not constants.DISABLE_KITTY_KEY:
            self.write(f"\x1b[>{KITTY}u")
        self._request_terminal_sync_mode_support()
        self._query_in_band_window_resize()
        self._enable_bracketed_paste()
        self._disable_line_wrap()
        self.flush()
        self._loop.add_reader(self.fileno, self._readable)

    # ------------------------------------------------------------ stop and continue

    def _stop(self, *_: object) -> None:
        """Ctrl-Z, or a signal; several at once stop once."""
        if not self._stopping:
            self._stopping = True
            self._loop.call_soon_threadsafe(self._stopped)

    def _stopped(self) -> None:
        """Stops; goes on here when continued, or at once where nobody could continue it."""
        entered = self._entered
        self.stop_application_mode()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._stop)
        self._stopping = False
        if entered:
            self._again()
            self.send_message(self.SignalResume())

    def _continued(self, *_: object) -> None:
        """Whoever was stopped without warning cannot know what became of the terminal."""
        if not self._stopping:
            self._loop.call_soon_threadsafe(self._found)

    def _found(self) -> None:
        if self._entered:
            self._again()

    def _again(self) -> None:
        self._send_size()
        self._enter(ENTER + "\x1b[2J")
        self._app.screen.refresh()

    # ------------------------------------------------------------ what comes

    def _readable(self) -> None:
        try:
            data = os.read(self.fileno, 1 << 16)
        except OSError:
            data = b""
        if data:
            self._feed(data)
        else:  # nobody is there any more: as a hang-up, whatever the system says
            self.disable_input()
            os.kill(os.getpid(), signal.SIGHUP)

    def _feed(self, data: bytes) -> None:
        if text := self.graphics.heard(self._decode(data)):
            for message in self._parser.feed(text):
                self.process_message(message)
            if (until := self._parser._timeout_time) is not None:
                self._loop.call_later(max(0.0, until - time.monotonic()) + 0.001, self._tick)

    def _tick(self) -> None:
        """An Escape that nothing followed was the key."""
        for message in self._parser.tick():
            self.process_message(message)

    def send_message(self, message: Message) -> None:
        """Tells the app, once it is this message's turn."""
        self.turns.send(message)

    @property
    def hurried(self) -> bool:
        """Whether a key does what it does at the moment."""
        return self.turns.waits

    def _told(self) -> None:
        if self._entered:
            self._show()

    def _resized(self) -> None:
        if not self._in_band_window_resize:
            self._send_size()

    def _send_size(self) -> None:
        size = Size(*self._get_terminal_size())
        self.send_message(events.Resize(size, size))

    def _get_terminal_size(self) -> tuple[int, int]:
        try:
            columns, rows = os.get_terminal_size(self.fileno)
        except OSError:
            columns, rows = 0, 0
        return columns or 80, rows or 24


class TerminalScreen(Wished):
    """The first screen: styled once, when it is made, and drawn when the terminal takes it."""

    AUTO_FOCUS = "TextArea"

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self._compositor = Frames()
        self._drawn = 0.0
        """When it was drawn last."""

    def draw(self) -> None:
        """Draws what has changed, where Textual would wait for its clock, up to 17 ms."""
        self._drawn = time.monotonic()
        super()._on_timer_update()

    def _on_timer_update(self) -> None:
        """Of Textual's clock: what comes by itself waits for a key, and is drawn along with it."""
        hurried = getattr(self.app._driver, "hurried", False)
        if not hurried or time.monotonic() - self._drawn > SOON:
            self.draw()

    def _compositor_refresh(self) -> None:
        if drawable(self.app):
            super()._compositor_refresh()
        else:
            self._dirty_widgets.clear()  # it is drawn whole, later

    def _on_screen_resume(self, event: events.ScreenResume) -> None:
        event.refresh_styles = event.refresh_styles and self.stack_updates > 0


def drawable(app: App[Any]) -> bool:
    """Whether a frame can be drawn now; see TerminalDriver.ready."""
    return not isinstance(app._driver, TerminalDriver) or app._driver.ready()


class TerminalApp(App[int]):
    """An app whose frames wait for the terminal, and whose shape is the next start's first."""

    root = ""
    """The state root; the shape is kept there."""

    def __init__(self) -> None:
        super().__init__()
        self.no_color = colorless(os.environ)
        if self.no_color:
            self._filters = [NoColor()]

    def copy_to_clipboard(self, text: str) -> None:
        """See App; what is too long for a terminal can be pasted here alone, which is said."""
        self._clipboard = text
        if (written := sequence(text, bool(os.environ.get("TMUX")))) and self._driver is not None:
            self._driver.write(written)
        elif not written:
            self.notify(
                f"{len(text):,} characters are more than a terminal's clipboard takes: they can be "
                "pasted here; /export writes the session to a file",
                severity="warning",
                markup=False,
            )

    @contextmanager
    def suspend(self) -> Iterator[None]:
        """See App, which leaves the terminal given back when something is raised meanwhile."""
        raised = None
        with super().suspend():
            try:
                yield
            except Exception as error:
                raised = error
        if raised is not None:
            raise raised

    def action_suspend_process(self) -> None:
        """Stops, so that the shell has the terminal; in a browser Ctrl+Z undoes, as there."""
        if self._driver is not None and self._driver.can_suspend:
            super().action_suspend_process()
        elif isinstance(self.focused, TextArea):
            self.focused.undo()

    def get_default_screen(self) -> Screen[None]:
        """The first screen, with the class that it will have: each later one styles all anew."""
        kinds = [kind for kind in self.HORIZONTAL_BREAKPOINTS or () if kind[0] <= self.size.width]
        _, width = max(kinds, default=(0, ""))
        return TerminalScreen(id="_default", classes=width)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if drawable(self):
            super()._display(screen, renderable)

    def refresh_css(self, animate: bool = True) -> None:
        """See App. Before there is a screen no style has been read that could be read again."""
        if self.screen_stack:
            super().refresh_css(animate)
        else:
            self.stylesheet.set_variables(self.get_css_variables())

    def _on_ready(self) -> None:
        if take := getattr(self._driver, "take", None):
            take()

    def on_understood(self, message: Understood) -> None:
        """The driver may go on with the next key; what the last one did is drawn at once."""
        if isinstance(turns := getattr(self._driver, "turns", None), Turns):
            turns.understood()
            if not turns.coming and isinstance(self.screen, TerminalScreen):
                self.screen.draw()

    def exit(self, *args: Any, **more: Any) -> None:
        """See App."""
        if isinstance(self._driver, TerminalDriver) and self._driver.shown:
            from tuiagent.clients.tui.shape import keep  # noqa: PLC0415 - after the first frame

            keep(self, self.root)
        super().exit(*args, **more)


def colorless(environ: Mapping[str, str]) -> bool:
    """Whether no colour is wanted (no-color.org), or the terminal has none: see terminfo(5)."""
    term = environ.get("TERM", "")
    drawn = any(environ.get(name) for name in ("COLORTERM", "TEXTUAL_DRIVER")) or "color" in term
    if environ.get("NO_COLOR") or drawn or term in ("", "dumb"):
        return bool(environ.get("NO_COLOR"))
    import curses  # noqa: PLC0415 - 12 ms, and hardly any terminal says so little

    try:
        curses.setupterm(term, 1)
    except curses.error:
        return False
    return curses.tigetnum("colors") < 2
