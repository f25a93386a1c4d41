"""Addresses of the web: how one is written, and whether a machine may be reached at all.

One reading counts: what is judged is what is connected to. Sources: WHATWG URL 3.5 and 4.4 for
hosts, IANA's special-purpose address registries, RFC 6052 (NAT64), RFC 3056 and RFC 4380.
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
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
ODD = frozenset(("168.63.129.16", "fd00:ec2::254", "100.100.100.200"))
"""Where clouds answer their own machines, though the address does not tell."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


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


def public(text: str) -> bool:
    """Whether this address belongs to the public internet, and to nothing inside of it."""
    if "%" in text or text in ODD:
        return False
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        return _public6(address)
    return _global(address)


def _public6(address: ipaddress.IPv6Address) -> bool:
    """An address that carries another one is that one."""
    inner: Address | None = address.ipv4_mapped or address.sixtofour
    if inner is None and address.teredo:
        inner = address.teredo[1]
    if inner is None and address in NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return public(str(inner)) if inner else _global(address)


def _global(address: Address) -> bool:
    special = address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not special and not address.is_loopback
