"""Where tools touch a machine: each runtime runs commands and reaches files somewhere."""

TABLE = {"local": "tuiagent.runtimes.local:LocalRuntime"}
"""Name -> "module:attribute" of a ports.Runtime."""
COMPANION = "tuiagent.runtimes.companion:start"
"""Starts a program that ends with us."""
