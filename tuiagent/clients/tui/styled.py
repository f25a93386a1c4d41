"""Component styles that are made when a widget first draws with them, not all at every styling."""

from typing import Any

from textual.css.styles import RenderStyles
from textual.dom import DOMNode


class Styled:
    """Beside the widget in the bases of one that has many component classes, few of them seen.

    Textual makes the styles of all of them whenever a widget is styled: that was a sixth of a start
    after the imports, and came again with every change of focus.
    """

    def _anew(self: Any) -> frozenset[str]:
        """Forgets what was made: the stylesheet asks for it whenever it styles the widget."""
        self._component_styles.clear()
        self._rich_style_cache.clear()
        return frozenset()

    _get_component_classes: Any = _anew

    def get_component_styles(self: Any, *names: str) -> RenderStyles:
        """The styles of these together. Raises KeyError."""
        above: Any = super()
        for name in {*names} & above._get_component_classes() - {*self._component_styles}:
            part = DOMNode(classes=name)
            part._attach(self)
            self.app.stylesheet.apply(part, animate=False)
            self._component_styles[name] = part.styles
        return above.get_component_styles(*names)
