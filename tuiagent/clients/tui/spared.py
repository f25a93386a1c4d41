"""Loads Textual's app without its command palette, which loads widgets that nothing here shows.

The app has a palette of its own. Imported before anything else of textual.app; whoever asks for
textual.command later gets the real one.
"""

import sys
from types import ModuleType

PALETTE = "textual.command"
NAMES = "CommandListItem CommandPalette DiscoveryHit Hit Hits Provider SimpleProvider"
"""What textual.app and textual.theme import of it, and use only where a palette is shown."""

if PALETTE not in sys.modules:
    stand_in = ModuleType(PALETTE)
    for name in NAMES.split():
        setattr(stand_in, name, type(name, (), {}))
    sys.modules[PALETTE] = stand_in
    try:
        import textual.app  # noqa: F401
    finally:
        del sys.modules[PALETTE]
