"""What goes wrong, as the web is told: application/problem+json (RFC 9457).

Other programs' clients look for `code`, `message` or `error`, so these say the same once more.
"""

from collections.abc import Mapping
from typing import Any

from tuiagent.kernel.errors import ConfigError, Conflict, Fenced, ProviderError, Refused, StoreError
from tuiagent.kernel.errors import TuiagentError as _Base

TITLES = {
    400: "The request cannot be read",
    401: "A key is needed",
    403: "This may not be done",
    404: "There is no such thing",
    405: "This cannot be done with it",
    408: "The request takes too long",
    409: "It does not fit what there is",
    411: "The length is missing",
    413: "The request is too large",
    415: "Only JSON is read",
    421: "Another server is meant",
    422: "The request does not fit its schema",
    426: "A WebSocket is needed",
    429: "Too many requests",
    431: "The head of the request is too large",
    500: "A defect in tuiagent",
    503: "It cannot be done at the moment",
}
STATUS: dict[type[_Base], tuple[int, str]] = {
    Conflict: (409, "conflict"),
    Fenced: (409, "fenced"),
    Refused: (409, "refused"),
    StoreError: (503, "journal_unavailable"),
    ConfigError: (409, "config_unreadable"),
    ProviderError: (503, "provider_unavailable"),
}


class Problem(_Base):
    """An answer that is a problem: its HTTP status, a short code for programs, and words."""

    def __init__(
        self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """The problem as an object."""
        detail = str(self)
        return {
            "type": "about:blank",
            "title": TITLES[self.status],
            "status": self.status,
            "detail": detail,
            "code": self.code,
            "message": detail,
            "error": self.code,
        }


def problem(error: _Base) -> Problem:
    """The problem that an error of the house is."""
    if isinstance(error, Problem):
        return error
    status, code = STATUS.get(type(error), (500, "defect"))
    return Problem(status, code, str(error))
