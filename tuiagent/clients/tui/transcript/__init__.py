"""The conversation as one long scroll of lines, of which only those that are seen are made."""

from tuiagent.clients.tui.transcript.excerpt import Excerpt
from tuiagent.clients.tui.transcript.talk import Talk
from tuiagent.clients.tui.transcript.widget import Transcript

__all__ = ["Excerpt", "Talk", "Transcript"]
