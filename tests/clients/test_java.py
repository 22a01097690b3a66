"""Java's own HTTP client, which newer versions of Maven and Gradle speak through."""

from tests.support.homes import Home
from tests.support.java import put_and_get
from tests.support.maven_deploys import fetched
from tests.support.proxies import hosted
from tests.support.serving import Running
from tests.support.wire import Wire


def test_what_is_put_beside_an_offer_of_http_2_is_stored_whole(registry: Running, home: Home) -> None:
    # maven R41, R46, M4
    own = hosted(registry, "maven")
    folder = "com/acme/offered/1.0"
    sizes = {"offered-1.0.jar": 5, "offered-1.0-data.tar.gz": 300_000}
    base = f"{registry.url}/repository/{own}/{folder}/"
    told = {f"{base}{name}": size for name, size in sizes.items()}
    told |= {f"{base}{name.replace('1.0', '1.0-chunked', 1)}#chunked": size for name, size in sizes.items()}
    assert put_and_get(home, told) == [f"{size} true" for size in told.values()]
    with Wire(registry) as wire:
        for name, size in sizes.items():
            assert fetched(wire, own, f"{folder}/{name}") == b"x" * size
