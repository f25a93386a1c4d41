"""How rows look: names of styles, which the theme fills."""

from rich.style import Style
from textual.widget import Widget

PREFIX = "transcript--"
NAMES = (
    "muted prompt reply heading strong em strike quote code inline-code link rule good bad warn "
    "mark cursor added removed added-word removed-word number found found-here new "
    "keyword name string comment constant operator"
).split()
"""Each is a component class of the transcript, behind PREFIX."""
CSS = """
Painted {
    height: 1fr;
    overflow-x: hidden;
    overflow-y: scroll;
    scrollbar-size-vertical: 1;
    scrollbar-background: $background;
    scrollbar-background-hover: $background;
    scrollbar-background-active: $background;
    scrollbar-color: $panel;
    background: $background;
    color: $foreground;
    &:focus {
        background-tint: $foreground 0%;
    }

    & > .transcript--muted { color: $text-muted; }
    & > .transcript--prompt { background: $surface; color: $foreground; text-style: bold; }
    & > .transcript--reply { color: $text-accent; }
    & > .transcript--heading { color: $text-primary; text-style: bold; }
    & > .transcript--strong { text-style: bold; }
    & > .transcript--em { text-style: italic; }
    & > .transcript--strike { text-style: strike; }
    & > .transcript--quote { color: $text-secondary; }
    & > .transcript--code { background: $surface; }
    & > .transcript--inline-code { color: $text-accent; background: $surface; }
    & > .transcript--link { color: $text-primary; text-style: underline; }
    & > .transcript--rule { color: $foreground 30%; }
    & > .transcript--good { color: $text-success; }
    & > .transcript--bad { color: $text-error; }
    & > .transcript--warn { color: $text-warning; }
    & > .transcript--mark { color: $text-accent; }
    & > .transcript--cursor { color: $accent; text-style: bold; }
    & > .transcript--added { background: $success 12%; }
    & > .transcript--removed { background: $error 12%; }
    & > .transcript--added-word { background: $success 35%; text-style: bold; }
    & > .transcript--removed-word { background: $error 35%; text-style: bold; }
    & > .transcript--number { color: $text-muted; }
    & > .transcript--found { background: $warning 30%; text-style: underline; }
    & > .transcript--found-here { text-style: reverse bold; }
    & > .transcript--new { background: $primary; color: $text; text-style: bold; }
    & > .transcript--keyword { color: $text-accent; }
    & > .transcript--name { color: $text-primary; }
    & > .transcript--string { color: $text-success; }
    & > .transcript--comment { color: $text-muted; text-style: italic; }
    & > .transcript--constant { color: $text-warning; }
    & > .transcript--operator { color: $text-secondary; }
}
"""


OTHER = {
    "link": lambda value: Style(link=value),
    "fg": lambda value: Style(color=value),
    "bg": lambda value: Style(bgcolor=value),
}
"""Looks that are no names: `link=URL`, and the colours of pictures, `fg=#rrggbb` and `bg=…`."""


class Palette(dict[str, Style]):
    """The style of each combination of names, as the theme has it; made when first needed."""

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self._widget = widget

    def __missing__(self, names: str) -> Style:
        style = self._widget.rich_style
        for name in names.split():
            sort, _, value = name.partition("=")
            style += OTHER[sort](value) if value else self._of(name)
        self[names] = style
        return style

    def _of(self, name: str) -> Style:
        """The style of one name, on the widget's own background."""
        styles = self._widget.get_component_styles(PREFIX + name)
        ground, background, color = self._widget.background_colors[1], None, None
        if styles.has_rule("background") and styles.background.a > 0:
            ground += styles.background
            background = ground.rich_color
        if styles.has_rule("auto_color") and styles.auto_color:
            color = (ground + ground.get_contrast_text(styles.color.a)).rich_color
        elif styles.has_rule("color") and styles.color.a > 0:
            color = (ground + styles.color).rich_color
        return Style(color=color, bgcolor=background) + styles.text_style
