"""Which addresses an upstream may lead to. Pure: nothing here resolves or connects.

Rule 1: what is not known to be public is refused; it is no list of what is bad.
Rule 2: an address that stands for another (mapped, translated, tunnelled) is judged by that one.
Rule 3: some addresses are nobody's upstream, so that `allow_private` does not permit them either: those of
no host, of many hosts, of this link, and those at which clouds hand out credentials.
"""

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

_METADATA_NAMES = frozenset(
    ("metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal")
)
_LOCAL_NAMES = frozenset(("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"))

_NEVER = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "::/128"),
            *("224.0.0.0/4", "255.255.255.255/32", "ff00::/8"),
            *("169.254.0.0/16", "fe80::/10"),
            # Metadata services outside the link-local range: Alibaba, Oracle, Azure, AWS by IPv6.
            *("100.100.100.200/32", "192.0.0.192/32", "168.63.129.16/32", "fd00:ec2::254/128"),
        ),
    )
)
_RELAYS = IPv4Network("192.88.99.0/24")  # RFC 7526: packets to it leave for wherever IPv6 takes them
_UNICAST = IPv6Network("2000::/3")  # RFC 4291: all of IPv6 that is given out
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")  # RFC 2765
_COMPATIBLE = IPv6Network("::/96")  # RFC 4291, given up; `::` and `::1` are in it


def refused(address: str, *, allow_private: bool = False) -> bool:
    """Whether nothing may be sent to this IP address. `allow_private`: addresses of this machine and of
    private networks are meant. Raises ValueError for what is no address."""
    return _refused(ip_address(address), allow_private)


def host_refused(host: str, *, allow_private: bool = False) -> bool:
    """Whether the host of a URL, in lower case and without brackets, is refused before its name is looked
    up: it is an address that is refused, or a name that means this machine or a cloud's metadata."""
    try:
        return refused(host, allow_private=allow_private)
    except ValueError:
        name = host.rstrip(".")
    if name in _METADATA_NAMES:
        return True
    return not allow_private and (name in _LOCAL_NAMES or name.endswith(".localhost"))


def _refused(address: IPv4Address | IPv6Address, allow_private: bool) -> bool:
    if any(address in network for network in _NEVER):
        return True
    if isinstance(address, IPv4Address):
        return not allow_private and (not address.is_global or address in _RELAYS)
    stands_for = _embedded(address)
    if stands_for:
        return any(_refused(each, allow_private) for each in stands_for)
    return not allow_private and not (address in _UNICAST and address.is_global)


def _embedded(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that packets to `address` may end up at."""
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    if address in _NAT64 or address in _TRANSLATED:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    if address in _COMPATIBLE and int(address) > 0xFFFF:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    return ()
