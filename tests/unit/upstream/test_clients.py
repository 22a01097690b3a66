"""One client for each upstream, as long as it is the same."""

import asyncio
from dataclasses import replace

from artifactd.upstream.client import Clients, Request
from artifactd.upstream.configuration import Upstream
from tests.support.upstream_servers import Server, answer
from tests.unit.upstream.conftest import Loop, Serve


def upstream(server: Server, version: int = 1, repository_id: int = 1) -> Upstream:
    return Upstream(repository_id, "hub", version, server.url, allow_private=True)


def test_an_upstream_has_one_client_until_it_is_another(loop: Loop, serve: Serve) -> None:
    server = serve(answer(200))

    async def main() -> None:
        clients = Clients(user_agent="tests")
        first = clients.of(upstream(server))
        assert clients.of(upstream(server)) is first
        assert clients.of(upstream(server, repository_id=2)) is not first
        second = clients.of(upstream(server, version=2))
        assert second is not first
        assert clients.of(upstream(server, version=2)) is second
        await clients.close()

    loop.run(main())


def test_who_uses_a_client_that_is_replaced_is_not_disturbed(loop: Loop, serve: Serve) -> None:
    large = b"x" * 5_000_000
    server = serve(answer(200, large))

    async def main() -> None:
        clients = Clients()
        old = clients.of(upstream(server))
        async with old.send(Request("GET", server.url)) as response:
            pieces = response.chunks()
            size = len(await anext(pieces))
            new = clients.of(replace(upstream(server, version=2), token="new"))
            async with new.send(Request("GET", server.url)) as other:
                assert len(await other.read(len(large))) == len(large)
            async for piece in pieces:
                size += len(piece)
            assert size == len(large)
        # One who got it before it was replaced is served as well.
        async with old.send(Request("GET", server.url)) as response:
            assert response.status == 200
        await clients.close()

    loop.run(main())
    assert [heard.headers.get("authorization") for heard in server.heard] == [None, "Bearer new", None]


def test_a_client_that_is_replaced_ends_its_connections(loop: Loop, serve: Serve) -> None:
    server = serve(answer(200))

    async def main() -> None:
        clients = Clients()
        for version in range(3):
            async with clients.of(upstream(server, version)).send(Request("GET", server.url)):
                pass
        while len(server.lost) < 2:
            await asyncio.sleep(0.01)
        assert server.lost == {0, 1}
        await clients.close()
        while len(server.lost) < 3:
            await asyncio.sleep(0.01)

    loop.run(main())


def test_a_client_that_was_closed_opens_again(loop: Loop, serve: Serve) -> None:
    server = serve(answer(200))

    async def main() -> None:
        clients = Clients()
        client = clients.of(upstream(server))
        for _ in range(2):
            async with client.send(Request("GET", server.url)) as response:
                assert response.status == 200
            await client.close()
        await clients.close()

    loop.run(main())
    assert server.connections == 2


def test_a_client_that_asked_nobody_is_closed(loop: Loop) -> None:
    async def main() -> None:
        clients = Clients()
        clients.of(Upstream(1, "hub", 1, "http://upstream.example/"))
        await clients.close()

    loop.run(main())


def test_our_name_is_said(loop: Loop, serve: Serve) -> None:
    server = serve(answer(200))

    async def main() -> None:
        clients = Clients(user_agent="artifactd/9 (tests)")
        async with clients.of(upstream(server)).send(Request("GET", server.url)):
            pass
        await clients.close()

    loop.run(main())
    assert server.heard[0].headers["user-agent"] == "artifactd/9 (tests)"
