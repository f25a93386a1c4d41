"""Addresses of the web: how one is written.

One reading counts: what is judged is what is connected to. Source: WHATWG URL 3.5 and 4.4.
"""

import ipaddress
import re
from urllib.parse import quote, urljoin, urlsplit

from msgspec import Struct

from tuiagent.kernel.errors import ToolError

PORTS = {"http": 80, "https": 443}
LONGEST = 8000
"""Characters of an address."""
NAME = re.compile(
    r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
NUMBER = re.compile(r"(.*\.)?(\d+|0x[0-9a-f]*)")
"""A host whose last part is a number is an IPv4 address to some programs."""
SAFE = "/%:@!$&'()*+,;=~?-._[]"


class Place(Struct, frozen=True):
    """An address, taken apart."""

    scheme: str
    host: str
    """In lower case and ASCII, without a trailing dot; an IPv6 address without its brackets."""
    port: int
    target: str
    """Path and query."""

    @property
    def name(self) -> str:
        """The host, with its port where that is not the usual one of https or http."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole address."""
        return f"{self.scheme}://{self.name}{self.target}"


def place(url: str) -> Place:
    """The address taken apart. Raises ToolError for one that cannot be meant, or is ambiguous."""
    if len(url) > LONGEST or re.search(r"[\x00-\x20\x7f\\]", url):
        raise ToolError("the address holds a space, a backslash, a control character, or too much")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ToolError(f"the address cannot be read: {error}") from error
    if parts.scheme not in PORTS:
        raise ToolError(f"only http:// and https:// can be fetched, not {parts.scheme or 'this'}:")
    if "@" in parts.netloc:
        raise ToolError("the address holds a user or a password: leave them out")
    if port == 0:
        raise ToolError("port 0 is no port")
    host = _host(parts.hostname or "")
    path = quote(parts.path or "/", safe=SAFE)
    query = f"?{quote(parts.query, safe=SAFE)}" if parts.query else ""
    return Place(parts.scheme, host, port or PORTS[parts.scheme], path + query)


def _host(host: str) -> str:
    """The host in its one form. Raises ToolError."""
    if ":" in host:
        try:
            return str(ipaddress.IPv6Address(host)) if "%" not in host else _refuse(host)
        except ValueError:
            return _refuse(host)
    host = host.lower().removesuffix(".")
    if not host.isascii():
        try:
            host = host.encode("idna").decode().lower()
        except UnicodeError:
            return _refuse(host)
    if len(host) > 253 or not NAME.fullmatch(host):
        return _refuse(host)
    if NUMBER.fullmatch(host):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            return _refuse(host)
    return host


def _refuse(host: str) -> str:
    raise ToolError(f"{host[:100]!r} is not the name of a host")


def follow(here: Place, location: str) -> Place:
    """Where a redirect leads. Raises ToolError as `place` does, and for one that drops TLS."""
    there = place(urljoin(here.url, location.strip()))
    if here.scheme == "https" and there.scheme != "https":
        raise ToolError(f"{here.url} redirects to {there.url}, which is not encrypted")
    return there
