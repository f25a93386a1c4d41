"""Where facts are kept."""

TABLE = {
    "memory": "tuiagent.stores.memory:MemoryStore",
    "sqlite": "tuiagent.stores.sqlite:SqliteStore",
}
