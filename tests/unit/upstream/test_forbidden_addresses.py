"""Addresses that nobody meant are not connected to (proxy R85, R86)."""

from collections.abc import Sequence

import pytest

from artifactd.errors import UpstreamInvalid
from artifactd.upstream import guard
from tests.support.upstream_servers import Answer, Heard, answer, challenge, redirect
from tests.unit.upstream.conftest import Asking, Serve, here

FORBIDDEN = (
    "the upstream of repository 'hub' leads to an address that is not allowed; allow_private permits those "
    "of this machine and of private networks"
)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.9", "localhost", "[::ffff:127.0.0.1]", "a.localhost"]
)
def test_an_address_of_this_machine_is_not_asked(serve: Serve, asking: Asking, host: str) -> None:
    server = serve(answer(200))
    with pytest.raises(UpstreamInvalid) as caught:
        asking(server.named(host), here, allow_private=False).get()
    assert caught.value.detail == FORBIDDEN
    assert server.connections == 0


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:7f00:1"], ["::1"]])
def test_a_name_of_this_machine_is_not_asked(
    serve: Serve, asking: Asking, addresses: Sequence[str]
) -> None:
    """One forbidden address among several is enough: which one would be taken is chance."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    server = serve(answer(200))
    with pytest.raises(UpstreamInvalid) as caught:
        asking(server.named("upstream.example"), resolve, allow_private=False).get()
    assert caught.value.detail == FORBIDDEN
    assert server.connections == 0


@pytest.mark.parametrize("where", ["127.0.0.1", "inside.example", "[::ffff:127.0.0.1]"])
@pytest.mark.parametrize("how", ["a redirect", "a realm"])
def test_a_public_upstream_does_not_lead_inside(
    serve: Serve, asking: Asking, monkeypatch: pytest.MonkeyPatch, where: str, how: str
) -> None:
    # proxy R72, T6; 127.0.0.2 is public in this test
    monkeypatch.setattr("artifactd.upstream.session.refused", _but_two)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.2" if host == "upstream.example" else "127.0.0.1"]

    inside = serve(answer(200, b'{"token": "a"}'))

    def answering(heard: Heard) -> Answer:
        if how == "a redirect":
            return redirect(inside.named(where))
        return challenge(f'Bearer realm="{inside.named(where)}"')

    server = serve(answering, host="127.0.0.2")
    realms = (where, "::ffff:7f00:1")
    asker = asking(server.named("upstream.example"), resolve, allow_private=False, realms=realms)
    with pytest.raises(UpstreamInvalid) as caught:
        asker.get()
    assert caught.value.detail == FORBIDDEN
    assert len(server.heard) == 1
    assert inside.connections == 0


def test_a_name_that_changes_its_mind_is_checked_each_time_it_is_looked_up(
    serve: Serve, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address that was checked is the address that is connected to: nothing looks the name up again."""
    monkeypatch.setattr("artifactd.upstream.session.refused", _but_two)
    looked_up = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        looked_up.append(host)
        return ["127.0.0.2"] if len(looked_up) == 1 else ["127.0.0.1"]

    public = serve(answer(200, b"public"), host="127.0.0.2")
    inside = serve(answer(200, b"inside"), port=public.port)
    asker = asking(public.named("upstream.example"), resolve, allow_private=False)
    assert asker.get().body == b"public"
    assert public.heard[0].headers["host"] == f"upstream.example:{public.port}"
    assert looked_up == ["upstream.example"]
    asker.close()
    with pytest.raises(UpstreamInvalid):
        asker.get()
    assert inside.connections == 0


def test_every_address_of_a_name_is_tried(serve: Serve, asking: Asking) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.3", "127.0.0.1"]

    server = serve(answer(200, b"bytes"))
    assert asking(server.named("upstream.example"), resolve).get().body == b"bytes"


def test_what_is_meant_is_allowed(serve: Serve, asking: Asking) -> None:
    server = serve(answer(200))
    assert asking(server.url).get().status == 200
    assert asking(server.named("localhost"), here).get().status == 200
    assert asking(server.named("upstream.example"), here).get().status == 200


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "169.254.169.254", "224.0.0.1", "[::]", "metadata.google.internal"]
)
def test_some_addresses_are_not_meant_by_allow_private(serve: Serve, asking: Asking, host: str) -> None:
    server = serve(redirect(f"http://{host}/"))
    with pytest.raises(UpstreamInvalid, match="an address that is not allowed"):
        asking(server.url).get()


def _but_two(address: str, *, allow_private: bool = False) -> bool:
    return address != "127.0.0.2" and guard.refused(address, allow_private=allow_private)
