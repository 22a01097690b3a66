"""Where a request really comes from, and what the client believes it talks to, behind proxies that we
trust.

`X-Forwarded-For` is read from the right: every address that a trusted proxy reports is believed, and the
first one that is not trusted is the client. Read from the left, anyone could choose it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from starlette.datastructures import Headers


@dataclass(frozen=True, slots=True)
class Origin:
    """`peer`: the client's address. `scheme` and `host` (with a port): what the client used."""

    peer: str
    scheme: str
    host: str


class TrustedProxies:
    """Reads forwarding headers from peers within `networks` (CIDR), and from nobody else."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = tuple(ip_network(network) for network in networks)

    def origin(self, peer: str, scheme: str, headers: Headers) -> Origin:
        """The origin of a request whose connection comes from `peer`."""
        host = headers.get("host", "")
        if not self._networks or not self._trusted(peer):
            return Origin(peer, scheme, host)
        for address in reversed(",".join(headers.getlist("x-forwarded-for")).split(",")):
            address = address.strip()
            if not address:
                break
            peer = address
            if not self._trusted(address):
                break
        forwarded_scheme = headers.get("x-forwarded-proto", "").lower()
        if forwarded_scheme in ("http", "https"):
            scheme = forwarded_scheme
        return Origin(peer, scheme, headers.get("x-forwarded-host", host))

    def _trusted(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)
