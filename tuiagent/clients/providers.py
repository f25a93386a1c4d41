"""Which providers there are here, and where the key of each is: never the key."""

import os

from tuiagent.clients.host import Host

NONE = "none"


def found(host: Host) -> list[tuple[str, str]]:
    """Each provider, and where its key is as sessions here would have it."""
    opened = host.opening(".")
    kept = host.keys.places()
    rows: list[tuple[str, str]] = []
    for name in sorted({"openai", *opened.credentials, *opened.endpoints, *kept}):
        kind, _, of = opened.credentials.get(name, "").partition(":")
        if kind == "env":
            where = f"${of}" if os.environ.get(of) else NONE
        elif kind == "config":
            where = "config.toml"
        else:
            where = kept.get(name, NONE)
        rows.append((name, where))
    return rows
