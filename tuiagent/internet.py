"""Which addresses belong to the public internet, for whoever connects to what others have named.

Sources: IANA's special-purpose address registries, RFC 3056, RFC 3879, RFC 4380 and RFC 6052.
"""

import ipaddress

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
ODD = frozenset(("168.63.129.16", "fd00:ec2::254", "100.100.100.200"))
"""Where clouds answer their own machines, though the address does not tell."""
OLD = (
    ipaddress.ip_network("fec0::/10"),
    ipaddress.ip_network("3fff::/20"),
    ipaddress.ip_network("192.88.99.0/24"),
)
"""Sites' own addresses of once, examples, and relays of once: global, as Python has it."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


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
    return address.is_global and not special and not any(address in net for net in OLD)
