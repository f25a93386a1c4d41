"""Every error that tuiagent raises on purpose."""


class TuiagentError(Exception):
    """An expected failure; its text says what happened, why, and what to do next."""


class Refused(TuiagentError):
    """The state does not allow this intent; nothing was written."""


class Conflict(TuiagentError):
    """Two writers meant the same place: a stream's version moved, or a `once` was used before."""


class Fenced(TuiagentError):
    """Another owner holds the session now; what this one still reports is too late."""


class StoreError(TuiagentError):
    """The journal cannot be read or written: disk full, read-only, damaged, newer, or not local."""


class ConfigError(TuiagentError):
    """A setting, a flag or a rule cannot be understood."""


class ToolError(TuiagentError):
    """A tool could not do what was asked; the model reads the text."""


class OutcomeUnknownError(ToolError):
    """Whether the effect happened, or how far it came, cannot be found out."""


class ProviderError(TuiagentError):
    """A model could not be reached or answered badly.

    `kind` is one of RETRYABLE or: auth, forbidden, bad_request, too_long, thoughts, tls, not_api,
    limit.
    `retry_after` is the number of seconds the provider asked for, if it did.
    """

    RETRYABLE = frozenset(
        {"network", "cut", "timeout", "rate_limit", "overloaded", "server", "loading"}
    )

    def __init__(self, kind: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:
        """Whether the same request may be sent again."""
        return self.kind in self.RETRYABLE


class NeedsError(ProviderError):
    """A model cannot be asked before something is there that this process has not.

    `needs` says what, such as `key OPENAI_API_KEY`; another process may have it.
    """

    def __init__(self, needs: str) -> None:
        super().__init__("auth", f"needs {needs}")
        self.needs = needs
