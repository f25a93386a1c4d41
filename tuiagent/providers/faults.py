"""What a provider's failure means: one ProviderError in words for people, never with the key."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from tuiagent.kernel.errors import ProviderError

SHOWN = 200
"""Characters of a foreign text that are quoted; of a provider's own message twice that."""

SHORTEST = 8
"""Characters of a key that is masked."""

STATUS = {
    401: "auth",
    402: "limit",
    403: "forbidden",
    408: "timeout",
    409: "server",
    413: "too_long",
    504: "timeout",
    524: "timeout",
    529: "overloaded",
}
WORDS = (
    ("insufficient_quota", "limit"),
    ("billing", "limit"),
    ("credit", "limit"),
    ("context_length", "too_long"),
    ("exceed_context", "too_long"),
    ("rate_limit", "rate_limit"),
    ("too_many_requests", "rate_limit"),
    ("resource_exhausted", "rate_limit"),
    ("overloaded", "overloaded"),
    ("loading_model", "loading"),
    ("unavailable", "overloaded"),
    ("authentication", "auth"),
    ("api_key", "auth"),
    ("unauthorized", "auth"),
    ("unauthenticated", "auth"),
    ("spend_limit", "limit"),
    ("request_too_large", "too_long"),
    ("deadline_exceeded", "timeout"),
    ("permission", "forbidden"),
    ("forbidden", "forbidden"),
    ("timeout", "timeout"),
    ("server_error", "server"),
    ("internal", "server"),
    ("invalid", "bad_request"),
    ("bad_request", "bad_request"),
    ("badrequest", "bad_request"),
    ("not_found", "bad_request"),
    ("content_policy", "bad_request"),
)
"""What providers write into `type`, `code` and `status`, and the kind it means; first match."""

TOO_LONG = (
    r"(?i)"
    r"maximum context length|(prompt|input|request) is too long|context_length_exceeded"
    r"|exceeds? the (available |maximum )?context|context window|too many tokens"
    r"|input token count.*exceeds|exceed.* maximum number of tokens"
)
THOUGHTS = (
    r"(?i)"
    r"thought_?\s?signature|signature. in .thinking|thinking. blocks|encrypted_content"
    r"|encrypted content|expected .thinking. or"
)
LOADING = r"(?i)\bloading\b.{0,20}model|model.{0,40}\bloading\b"
PAGE = re.compile(r"\s*<(?:!doctype|html|head|body|title|h1|\?xml)\b", re.IGNORECASE)
TAGS = re.compile(r"(?is)<(script|style)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>")
LIMITED = ("rate_limit", "limit")
"""Kinds that say that something is used up."""


class Faults:
    """Speaks of what goes wrong with one request."""

    def __init__(
        self,
        name: str,
        where: str,
        key: str | None,
        model: str,
        names: tuple[str, str] = ("", ""),
    ) -> None:
        """`name` is the provider's, `where` its host and path without any secret, `names` where
        people set its key and its address.
        """
        self.name = name
        self.where = where
        place = f"[providers.{name}] of config.toml"
        ours = name == "openai"
        self._names = (
            names[0] or ("OPENAI_API_KEY" if ours else f"env_var or api_key in {place}"),
            names[1] or ("OPENAI_BASE_URL" if ours else f"api_base in {place}"),
        )
        self._key = key or ""
        self._model = model

    def error(self, kind: str, text: str, retry_after: float | None = None) -> ProviderError:
        """A failure of this kind: what happened, and what to do next."""
        said = mask(" ".join(text.split()), self._key).rstrip(".")
        advice = self._advice(kind)
        end = f". {advice[0].upper()}{advice[1:]}." if advice else "."
        return ProviderError(kind, f"{self.name} ({self.where}) {said}{end}", retry_after)

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The meaning of an answer whose status is not 200."""
        if 300 <= status < 400:
            return self.error("not_api", f"redirects ({status}) to {_host(headers)}")
        found = _decode(body)
        codes, text = _said(found)
        kind = kind_of(status, codes, text)
        wait = _wait(headers, found, text, kind)
        text = text or body.decode("utf-8", "replace")
        quoted = self._quote(text, 2 * SHOWN)
        what = f" for model {self._model!r}" if status == 404 else ""
        return self.error(kind, f"answered {status}{what}{': ' if quoted else ''}{quoted}", wait)

    def event(self, event: Any) -> ProviderError:
        """The meaning of an error that came inside the stream."""
        codes, text = _said(event)
        number = next((int(c) for c in codes.split() if c.isdecimal() and len(c) == 3), 0)
        kind = kind_of(number if 400 <= number < 600 else 0, codes, text)
        quoted = self._quote(text or codes, 2 * SHOWN) or "no reason given"
        return self.error(kind, f"broke off its answer: {quoted}", _wait({}, event, text, kind))

    def foreign(self, what: str, body: bytes) -> ProviderError:
        """Whatever answered, it is not the API."""
        quoted = self._quote(body.decode("utf-8", "replace"), SHOWN)
        return self.error("not_api", f"is not the API: it sent {what}: {quoted}")

    def _quote(self, text: str, length: int) -> str:
        """The beginning of a text, masked before it is cut, so that no part of a key is left."""
        text = mask(" ".join(_words(text).split()), self._key)
        return text if len(text) <= length else text[:length] + "…"

    def _advice(self, kind: str) -> str:
        key, address = self._names
        later = "try again later, or choose another model"
        return {
            "auth": f"{'check' if self._key else 'set'} {key}, or keep one: tuiagent keys set "
            f"{self.name}",
            "forbidden": "this key may not use this model here: choose another model, or ask who "
            "manages the account",
            "bad_request": f"check the model's name and the address in {address}",
            "too_long": "shorten what is sent, or begin a new session",
            "limit": "check the plan and the limits of the account",
            "network": f"check the network and the address in {address}",
            "tls": f"check this machine's clock and certificates (SSL_CERT_FILE), and {address}",
            "not_api": f"check the address in {address}: it usually ends in /v1",
            "thoughts": "choose another model, or begin a new session",
            "timeout": later,
            "rate_limit": later,
            "overloaded": later,
            "server": later,
            "loading": "that may take minutes; it is asked until it is done",
        }.get(kind, "")


def mask(text: str, key: str) -> str:
    """The text without the key, also where JSON wrote its slashes with a backslash."""
    if len(key) < SHORTEST:
        return text  # it is none: servers of one's own are often given any word
    for shape in (key, key.replace("/", "\\/")):
        text = text.replace(shape, "[key]")
    return text


def _words(text: str) -> str:
    """The text, of a page what it shows."""
    return TAGS.sub(" ", text) if PAGE.match(text) else text


def kind_of(status: int, codes: str, text: str) -> str:
    """The kind of a failure; `status` is 0 for an error inside a stream, which names none."""
    known = _known(codes)
    if status in (0, 400, 422):
        if known == "too_long" or re.search(TOO_LONG, text):
            return "too_long"
        if re.search(THOUGHTS, text):
            return "thoughts"
        if status:
            return known or "bad_request"
        return known or _known(text.lower().replace(" ", "_")) or "server"
    if status == 429:
        return "limit" if known == "limit" else "rate_limit"
    if status >= 500 and re.search(LOADING, text):
        return "loading"
    if status >= 500:
        return "overloaded" if known == "overloaded" else STATUS.get(status, "server")
    return STATUS.get(status, "bad_request")


def _wait(headers: Mapping[str, str], found: Any, text: str, kind: str) -> float | None:
    """Seconds until a request is taken again, as far as the provider says."""
    from tuiagent.providers import resets  # noqa: PLC0415 - only for what failed

    if kind in LIMITED or kind in ProviderError.RETRYABLE:
        return resets.wait(headers, found, text, kind in LIMITED)
    return resets.retry_after(headers)


def _host(headers: Mapping[str, str]) -> str:
    """Where a redirect leads: the host alone, as the rest may hold secrets."""
    place = headers.get("location", "")
    host = place.partition("//")[2].partition("/")[0].partition("?")[0].rpartition("@")[2]
    return host or "another path of the same host"


def _known(words: str) -> str:
    return next((kind for word, kind in WORDS if word in words), "")


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _said(found: Any) -> tuple[str, str]:
    """The codes, in lower case, and the message of an error in any of the usual shapes."""
    if isinstance(found, list) and found:
        found = found[0]
    codes: list[str] = []
    for _ in range(3):
        if not isinstance(found, dict):
            break
        codes += [str(found[n]) for n in ("type", "code", "status") if found.get(n)]
        inner = found.get("error") or found.get("message") or found.get("detail")
        if inner is None:
            break
        found = inner
    text = found if isinstance(found, str) else ""
    return " ".join(codes).lower(), text
