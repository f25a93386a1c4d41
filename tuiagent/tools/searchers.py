"""Engines for web_search: SearXNG and Brave over HTTP, ddgs where it is installed, and a fake."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from tuiagent.kernel.errors import ToolError, TuiagentError
from tuiagent.ports import Found
from tuiagent.registry import load
from tuiagent.threads import in_thread
from tuiagent.tools import web
from tuiagent.tools.address import place


class Canned:
    """Finds what it was given: the fake."""

    host = "search.test"

    def __init__(self, found: Sequence[Found] = ()) -> None:
        self._found = list(found)

    async def search(self, query: str, count: int) -> list[Found]:
        """Those whose title or text holds the query."""
        asked = query.lower()
        return [one for one in self._found if asked in f"{one.title} {one.text}".lower()][:count]


class Searxng:
    """A SearXNG of one's own, which may lie inside the network; its format json must be on.

    Source: https://docs.searxng.org/dev/search_api.html.
    """

    def __init__(self, url: str) -> None:
        self._base = url.rstrip("/")

    @property
    def host(self) -> str:
        """See ports.Searcher."""
        return place(self._base).name

    async def search(self, query: str, count: int) -> list[Found]:
        """See ports.Searcher."""
        asked = urlencode({"q": query, "format": "json"})
        got = await web.get(place(f"{self._base}/search?{asked}"), (self.host,))
        rows = _rows(got, "results")
        return [Found(_word(r, "title"), _word(r, "url"), _word(r, "content")) for r in rows][
            :count
        ]


class Brave:
    """Brave's search with a key.

    Source: https://api-dashboard.search.brave.com/app/documentation/web-search.
    """

    host = "api.search.brave.com"

    def __init__(
        self,
        key: Callable[[], str | None],
        base: str = f"https://{host}",
        private: Sequence[str] = (),
    ) -> None:
        """`key` gives the key when one is needed, and raises TuiagentError where it cannot."""
        self._key, self._base, self._private = key, base, private

    async def search(self, query: str, count: int) -> list[Found]:
        """See ports.Searcher."""
        asked = urlencode({"q": query, "count": min(count, 20)})
        url = place(f"{self._base}/res/v1/web/search?{asked}")
        try:
            key = self._key()
        except TuiagentError as error:
            raise ToolError(f"{self.host}: {error}") from error
        if not key:
            raise ToolError(
                f"{self.host} needs a key: set BRAVE_API_KEY, or `tuiagent keys set brave`"
            )
        headers = {"X-Subscription-Token": key, "Accept": "application/json"}
        got = await web.get(url, self._private, headers)
        rows = _rows(got, "web", "results")
        return [Found(_word(r, "title"), _word(r, "url"), _word(r, "description")) for r in rows][
            :count
        ]


class Ddgs:
    """DuckDuckGo through the package ddgs, which reads its pages and so breaks now and then."""

    host = "duckduckgo.com"

    async def search(self, query: str, count: int) -> list[Found]:
        """See ports.Searcher."""
        return await in_thread(lambda: self._ask(query, count))

    def _ask(self, query: str, count: int) -> list[Found]:
        try:
            engine = load("ddgs:DDGS")(timeout=int(web.SECONDS))
        except ImportError as error:
            raise ToolError("web_search needs the extra: install tuiagent[search]") from error
        try:
            rows = engine.text(query, max_results=count, backend="duckduckgo")
        except Exception as error:  # it raises anything of its own and of what it is made of
            raise ToolError(f"{self.host}: {type(error).__name__}: {error}"[:300]) from error
        return [Found(_word(r, "title"), _word(r, "href"), _word(r, "body")) for r in rows]


def _rows(got: web.Got, *names: str) -> list[dict[str, Any]]:
    """The list of results in an answer. Raises ToolError."""
    if got.status != 200:
        hint = {401: ": its key is wrong", 403: ": its format json may be off", 429: ": too often"}
        why = hint.get(got.status, "")
        raise ToolError(f"{got.place.name} answered {got.status}{why}")
    try:
        value: Any = msgspec.json.decode(got.body)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise ToolError(f"{got.place.name} did not answer with JSON") from error
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _word(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""
