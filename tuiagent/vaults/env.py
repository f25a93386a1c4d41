"""Keys from the environment of this process."""

from collections.abc import Mapping


class Environment:
    """Finds `env:NAME` in the environment that it was given."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def get(self, where: str) -> str | None:
        """The key, or None when it is not there."""
        kind, _, name = where.partition(":")
        return self._environ.get(name) or None if kind == "env" else None
