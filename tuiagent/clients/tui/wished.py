"""Keys as people wish for them: wherever one is, they come before what is usual there."""

from textual.binding import BindingsMap
from textual.dom import DOMNode
from textual.screen import Screen


class Wished(Screen[None]):
    """A screen on which a key that `[tui.keys]` names does that alone."""

    @property
    def _binding_chain(self) -> list[tuple[DOMNode, BindingsMap]]:
        """See Screen. Textual has a person's keys replace only those of the same widget."""
        chain = super()._binding_chain
        wished = self.app._keymap
        for key in {key for keys in wished.values() for key in keys.split(",")}:
            found = [(maps.key_to_bindings, maps.key_to_bindings.get(key, ())) for _, maps in chain]
            if any(binding.id in wished for _, bound in found for binding in bound):
                for keys, bound in found:
                    keys[key] = [binding for binding in bound if binding.id in wished]
        return chain
