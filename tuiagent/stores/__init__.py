"""Where facts are kept."""

TABLE = {
    "memory": "tuiagent.stores.memory:MemoryStore",
    "sqlite": "tuiagent.stores.sqlite:SqliteStore",
}

COPY = "tuiagent.stores.reading:copy"
"""Opens a copy of the journal, only to read it."""

BIG = 16 * 1024
"""Bytes above which a body is kept apart, as a blob."""
