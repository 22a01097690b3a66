"""Tags and referrers of another registry, through a proxy, on the wire (docker L)."""

from typing import Any

from tests.support.fake_registry import FakeRegistry
from tests.support.images import OCI_INDEX, Registry, digest_of, image, index
from tests.support.proxies import proxy
from tests.support.server import RunningServer

SBOM, SIGNATURE = "application/vnd.example.sbom", "application/vnd.example.signature"


def test_tags_are_those_of_the_upstream_on_all_its_pages(server: RunningServer) -> None:
    with FakeRegistry(page_size=3) as upstream:
        app = Registry(server, proxy(server, "docker", f"{upstream.url}/"), "app")
        tags = [f"v{number}" for number in range(10)]
        upstream.push("app", index(), *tags)
        assert app.tags() == tags  # docker R191
        assert upstream.count() == 4
        page = app.request("GET", "tags/list?n=2&last=v3")
        assert page.json()["tags"] == ["v4", "v5"]
        assert page.header("link") == f'</v2/{app.name}/tags/list?n=2&last=v5>; rel="next"'
        assert upstream.count() == 4
        assert app.request("GET", "manifests/v1").body == index().body
        assert app.tags() == tags


def referrers(registry: Registry, digest: str, query: str = "") -> list[str]:
    answer = registry.request("GET", f"referrers/{digest}{query}")
    assert answer.status == 200, answer
    assert answer.header("content-type") == OCI_INDEX
    found: list[dict[str, Any]] = answer.json()["manifests"]
    return [each["digest"] for each in found]


def test_referrers_are_those_of_the_upstream(server: RunningServer) -> None:
    with FakeRegistry(page_size=1) as upstream:
        app = Registry(server, proxy(server, "docker", f"{upstream.url}/"), "app")
        subject = image("subject")
        upstream.push("app", subject, "1")
        about = [
            upstream.push(
                "app", index(subject=subject.descriptor, artifactType=f"application/vnd.example.{kind}")
            )
            for kind in ("sbom", "signature")
        ]
        assert referrers(app, subject.digest) == sorted(about)  # docker R192
        assert referrers(app, subject.digest, f"?artifactType={SIGNATURE}") == about[1:]
        assert upstream.count() == 2
        assert referrers(app, digest_of(b"other")) == []
        assert upstream.count() == 3  # whoever knows of the list keeps no tag for it


def test_an_upstream_that_knows_no_referrers_is_asked_for_the_tag(server: RunningServer) -> None:
    with FakeRegistry(has_referrers=False) as upstream:
        app = Registry(server, proxy(server, "docker", f"{upstream.url}/"), "app")
        subject, signature = image("subject"), image("signature")
        upstream.push("app", subject, "1")
        upstream.push("app", signature)
        assert referrers(app, digest_of(b"other")) == []  # docker R150, R192: never a 404
        upstream.push("app", index(signature.descriptor), subject.digest.replace(":", "-"))
        assert referrers(app, subject.digest) == [signature.digest]
