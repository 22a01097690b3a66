"""How names become addresses."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult

from artifactd.upstream.client import Resolve


class Resolver(AbstractResolver):
    """Hands out addresses unless `check` raises for any of them: connections are made to nothing else, so
    that a name cannot mean one address when it is checked and another when it is used."""

    def __init__(self, resolve: Resolve, check: Callable[[Sequence[str]], None] | None) -> None:
        self._resolve = resolve
        self._check = check

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._resolve(host, port)
        if not addresses:
            raise OSError("no address")
        if self._check is not None:
            self._check(addresses)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET if ip_address(address).version == 4 else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is kept."""


async def addresses_of(host: str, port: int) -> Sequence[str]:
    """What the system says, as `Resolve`."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
    )
    return [str(address[0]) for *_, address in found]
