"""Where facts are kept."""

TABLE = {
    "memory": "tuiagent.stores.memory:MemoryStore",
    "sqlite": "tuiagent.stores.sqlite:SqliteStore",
}

COPY = "tuiagent.stores.reading:copy"
"""Opens a copy of the journal, only to read it."""
INDEX = "tuiagent.stores.search:SearchFile"
"""What makes facts findable, from its file and version."""

BIG = 16 * 1024
"""Bytes above which a body is kept apart, as a blob."""
