"""The tool trace: every call of the session at hand, why it might, and what came of it."""

from tuiagent.clients.tui.trace.pane import Trace

__all__ = ["Trace"]
