"""The prompt: where a person types, and everything that helps with it."""

from tuiagent.clients.tui.prompt.prompt import Prompt

__all__ = ["Prompt"]
