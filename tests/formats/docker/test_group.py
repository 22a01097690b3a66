"""Images of several repositories as one, on the wire (docker M)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from artifactd.auth.principal import Verb
from tests.support.fake_registry import FakeRegistry
from tests.support.images import Registry, codes, digest_of, image, index
from tests.support.proxies import group, hosted, proxy
from tests.support.server import RunningServer
from tests.support.upstream_faults import status

IMAGE = "team/app"


@dataclass(frozen=True)
class Several:
    """A group of a hosted repository and two proxies, in this order, and what is behind each."""

    group: Registry
    own: Registry
    first: FakeRegistry
    second: FakeRegistry

    def of(self, image: str) -> "Several":
        """The same for another image."""
        return Several(self.group.of(image), self.own.of(image), self.first, self.second)


@pytest.fixture
def several(server: RunningServer) -> Iterator[Several]:
    with FakeRegistry() as first, FakeRegistry() as second:
        own = hosted(server, "docker")
        proxies = [proxy(server, "docker", f"{each.url}/", fresh_for=0) for each in (first, second)]
        all = group(server, "docker", own, *proxies, writable=own)
        yield Several(Registry(server, all, IMAGE), Registry(server, own, IMAGE), first, second)


def test_the_first_member_that_has_a_tag_answers_for_it(several: Several) -> None:
    first, second, own = image("first"), image("second"), image("own")
    several.second.push(IMAGE, second, "1", "2")
    assert several.group.request("GET", "manifests/1").body == second.body  # docker R200
    several.first.push(IMAGE, first, "3")
    assert several.group.request("GET", "manifests/3").body == first.body
    assert several.group.request("GET", "manifests/2").body == second.body
    mine = several.of("team/own")
    mine.own.push(own, "1")
    for each in (several.first, several.second):
        each.push("team/own", first, "1")
        each.forget()
    assert mine.group.request("GET", "manifests/1").body == own.body
    assert several.first.count() == several.second.count() == 0


def test_what_is_named_by_digest_is_asked_where_its_image_is(several: Several) -> None:
    built = image("elsewhere", layers=3)
    several.second.push(IMAGE, built, "1")
    assert several.group.request("GET", "manifests/1").body == built.body
    several.first.forget()
    for blob in built.blobs:
        assert several.group.request("GET", f"blobs/{digest_of(blob)}").body == blob
    assert several.group.request("GET", f"manifests/{built.digest}").body == built.body
    assert several.first.count() == 0  # docker R201


def test_what_no_member_has_is_404(several: Several) -> None:
    several.first.push(IMAGE, image("one"), "1")
    for path, code in [
        ("manifests/9", "MANIFEST_UNKNOWN"),
        (f"blobs/{digest_of(b'none')}", "BLOB_UNKNOWN"),
    ]:
        answer = several.group.request("GET", path)
        assert (answer.status, codes(answer)) == (404, [code])
    answer = several.of("team/none").group.request("GET", "tags/list")
    assert (answer.status, codes(answer)) == (404, ["NAME_UNKNOWN"])


def test_a_member_that_is_down_is_not_a_404(several: Several) -> None:  # docker R200
    built = image("behind")
    several.second.push(IMAGE, built, "1")
    several.first.fault(status(503))
    answer = several.group.request("GET", "manifests/1")
    assert (answer.status, codes(answer)) == (503, ["UNAVAILABLE"])
    assert answer.header("retry-after")
    found = several.group.request("GET", f"manifests/{built.digest}")
    assert (found.status, found.body) == (200, built.body)  # by digest nothing can be shadowed
    missing = several.group.request("GET", f"blobs/{digest_of(b'missing')}")
    assert missing.status == 503


def test_tags_and_referrers_are_those_of_all_members(several: Several) -> None:  # docker R202
    subject = image("subject")
    about = []
    for number, each in enumerate((several.first, several.second)):
        each.push(IMAGE, subject, "same", f"v{number}")
        kind = f"application/vnd.example.{number}"
        about.append(each.push(IMAGE, index(subject=subject.descriptor, artifactType=kind)))
    assert several.group.tags() == ["same", "v0", "v1"]
    page = several.group.request("GET", "tags/list?n=2")
    assert page.json() == {"name": several.group.name, "tags": ["same", "v0"]}
    assert page.header("link") == f'</v2/{several.group.name}/tags/list?n=2&last=v0>; rel="next"'
    listed = several.group.request("GET", f"referrers/{subject.digest}").json()["manifests"]
    assert [each["digest"] for each in listed] == sorted(about)
    assert several.group.request("GET", f"referrers/{digest_of(b'none')}").json()["manifests"] == []


def test_referrers_under_a_tag_are_listed_beside_the_others(several: Several) -> None:  # docker R153
    subject = image("tagged subject")
    known = index(subject=subject.descriptor, artifactType="application/vnd.example.known")
    several.own.push(known)
    old = {"mediaType": known.media_type, "digest": digest_of(b"old"), "size": 3}
    several.own.push(index(old), subject.digest.replace(":", "-"))
    listed = several.group.request("GET", f"referrers/{subject.digest}").json()["manifests"]
    assert {each["digest"] for each in listed} == {known.digest, old["digest"]}


def test_what_is_pushed_to_a_group_goes_to_its_writable_member(several: Several) -> None:
    built = image("pushed")
    several.group.push(built, "1")  # docker R204
    assert several.own.request("GET", "manifests/1").body == built.body
    assert several.group.tags() == ["1"]
    assert several.first.count() == several.second.count() == 0


def test_a_push_may_build_on_what_a_proxy_has(several: Several) -> None:
    base = image("base")
    several.first.push("team/base", base, "1")
    layer = digest_of(base.blobs[1])
    assert several.of("team/base").group.request("GET", f"blobs/{layer}").status == 200
    source = f"blobs/uploads/?mount={layer}&from={several.group.repository}/team/base"
    assert several.group.request("POST", source).status == 201  # docker R132, R204
    assert several.own.request("GET", f"blobs/{layer}").body == base.blobs[1]


def test_a_group_without_a_writable_member_takes_nothing(server: RunningServer) -> None:
    own = hosted(server, "docker")
    app = Registry(server, group(server, "docker", own), IMAGE)
    for answer in (app.put(index(), "1"), app.request("POST", "blobs/uploads/")):
        assert (answer.status, codes(answer)) == (405, ["UNSUPPORTED"])  # docker R204


def test_a_name_of_ours_is_ours_alone(several: Several) -> None:  # docker R205
    mine, theirs = image("mine"), image("theirs")
    for each in (several.first, several.second):
        each.push(IMAGE, theirs, "1", "9")
    several.own.push(mine, "1")
    assert several.group.tags() == ["1"]
    assert several.group.request("GET", "manifests/9").status == 404
    assert several.group.request("GET", f"manifests/{theirs.digest}").status == 404
    several.own.request("DELETE", "manifests/1")
    assert several.group.request("GET", "manifests/1").status == 404
    assert several.first.count() == several.second.count() == 0


def test_groups_of_groups_answer_as_their_members_do(server: RunningServer, several: Several) -> None:
    built = image("nested")
    several.second.push(IMAGE, built, "1")
    outer = Registry(server, group(server, "docker", several.group.repository), IMAGE)
    assert outer.request("GET", "manifests/1").body == built.body  # docker R203
    assert outer.tags() == ["1"]


def test_a_token_for_a_group_is_good_for_its_members(several: Several) -> None:
    server, built = several.group.server, image("token")
    several.first.push(IMAGE, built, "1")
    puller = server.user(("*", "team/**", [Verb.READ, Verb.POPULATE]))
    scope = f"repository:{several.group.name}:pull"
    token = server.request("GET", f"/auth/token?service=main&scope={scope}", login=puller).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    got = server.request("GET", f"/v2/{several.group.name}/manifests/1", headers=headers)
    assert (got.status, got.body) == (200, built.body)
    other = several.of("team/other")
    assert server.request("GET", f"/v2/{other.group.name}/tags/list", headers=headers).status == 401


def test_a_group_may_stand_for_a_registry(server: RunningServer, several: Several) -> None:
    built = image("mirrored")
    several.second.push(IMAGE, built, "1")
    host = f"{server.unused('group')}.example"
    everything = group(
        server, "docker", several.own.repository, several.group.repository, namespaces=[host]
    )
    answer = server.request("GET", f"/v2/{IMAGE}/manifests/1?ns={host}")
    assert (answer.status, answer.body) == (200, built.body), (everything, json.dumps(answer.headers))
