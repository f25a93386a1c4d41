"""The file tree: what is in the session's folder, and what changed there."""

from tuiagent.clients.tui.files.pane import Files

__all__ = ["Files"]
