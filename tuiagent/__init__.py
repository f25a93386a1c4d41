"""tuiagent: a terminal coding assistant whose work outlives its window."""

__version__ = "0.2.0"

TYPE_CHECKING = False  # typing's own would cost `tuiagent --version` as much as all the rest
if TYPE_CHECKING:
    from typing import Any

    from tuiagent.clients.ask import ask
    from tuiagent.clients.web.connect import connect
    from tuiagent.kernel.errors import TuiagentError
    from tuiagent.kernel.event import Event, Intent
    from tuiagent.ports import Client, Kit
    from tuiagent.tools.function import tool
    from tuiagent.wiring import open_engine

_PLACES = {
    "Client": "tuiagent.ports",
    "Kit": "tuiagent.ports",
    "Event": "tuiagent.kernel.event",
    "Intent": "tuiagent.kernel.event",
    "TuiagentError": "tuiagent.kernel.errors",
    "ask": "tuiagent.clients.ask",
    "connect": "tuiagent.clients.web.connect",
    "open_engine": "tuiagent.wiring",
    "tool": "tuiagent.tools.function",
}
__all__ = [
    "Client",
    "Event",
    "Intent",
    "Kit",
    "TuiagentError",
    "__version__",
    "ask",
    "connect",
    "open_engine",
    "tool",
]


def __getattr__(name: str) -> "Any":
    """Loads a public name when it is first used, so that importing the package costs nothing."""
    if name not in _PLACES:
        raise AttributeError(f"module 'tuiagent' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(_PLACES[name]), name)
