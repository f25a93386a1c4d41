"""tuiagent: a terminal coding assistant whose work outlives its window."""

__version__ = "0.1.0"
