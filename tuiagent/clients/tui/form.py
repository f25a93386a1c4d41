"""A small form over the screen: a few lines to read, a few fields to fill in."""

from collections.abc import Callable
from typing import ClassVar, cast

from msgspec import Struct
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tuiagent.clients.clean import clean
from tuiagent.clients.tui.screens.sheet import Says
from tuiagent.clients.tui.typed import Input, TextArea
from tuiagent.kernel.errors import TuiagentError


class Field(Struct, frozen=True):
    """One thing to fill in."""

    name: str
    label: str
    value: str = ""
    hint: str = ""
    many: bool = False
    """Whether it may have many lines."""


Values = dict[str, str]
"""What was filled in, by the names of the fields."""


class Form(ModalScreen[None]):
    """Hands on what was filled in; what is refused is said in it, and it stays."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", id="form.leave"),
        Binding("up", "app.focus_previous", show=False, id="form.up"),
        Binding("down", "app.focus_next", show=False, id="form.down"),
        Binding("ctrl+s", "send", "Send", priority=True, id="form.send"),
    ]

    def __init__(
        self,
        title: str,
        lines: list[str],
        fields: list[Field],
        take: Callable[[Values], None],
    ) -> None:
        super().__init__()
        self._title = title
        self._lines = lines
        self._fields = fields
        self._take = take

    def compose(self) -> ComposeResult:
        """The lines, and each field below its label."""
        with VerticalScroll(can_focus=False) as box:
            box.border_title = Content(self._title)
            for line in self._lines:
                yield Static(Content(clean(line)), classes="said")
            for number, field in enumerate(self._fields):
                yield Static(Content(clean(field.label)), classes="label")
                if field.many:
                    area = TextArea(field.value, id=_id(number), compact=True)
                    area.show_line_numbers = False
                    yield area
                else:
                    yield Input(field.value, field.hint, id=_id(number), compact=True)
            yield Static("", classes="wrong")
            many = any(field.many for field in self._fields)
            keys = f"{'^S' if many else 'Enter'} send   Esc leave"
            yield Says(lambda: ([(keys, "keys")], []))

    def on_mount(self) -> None:
        """Begins in the first field, at its end."""
        self.query_one(".wrong").display = False
        self.query_one(f"#{_id(0)}").focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Goes on to the next field, or sends."""
        if event.input.id == _id(len(self._fields) - 1):
            self.action_send()
        else:
            self.focus_next()

    def action_send(self) -> None:
        """Hands on what was filled in, and goes; stays when that is refused."""
        try:
            self._take({field.name: self._value(n) for n, field in enumerate(self._fields)})
        except TuiagentError as error:
            wrong = self.query_one(".wrong", Static)
            wrong.update(Content(clean(str(error))))
            wrong.display = True
            return
        self.dismiss()

    def action_leave(self) -> None:
        """Goes; nothing was asked for."""
        self.dismiss()

    def _value(self, number: int) -> str:
        found = self.query_one(f"#{_id(number)}")
        return found.text if isinstance(found, TextArea) else cast(Input, found).value


def _id(number: int) -> str:
    return f"field-{number}"
