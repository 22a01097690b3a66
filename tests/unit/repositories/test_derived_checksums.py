"""Every file's checksums are documents of it: as far as they are known, or from where the file is."""

import hashlib
from collections.abc import Sequence

import pytest

from artifactd.blobs.digest import CHECKSUMS, union
from artifactd.blobs.memory import MemoryBlobStore
from artifactd.blobs.staging import staged
from artifactd.blobs.store import SHA256
from artifactd.db import tables
from artifactd.db.writer import Database
from artifactd.errors import AssetNotFound, UpstreamUnavailable
from artifactd.repositories.content import Content
from artifactd.repositories.repository import Repository
from tests.support.cabinets import FRESH, Cabinet, body
from tests.support.clocks import FakeClock
from tests.support.shelves import Shelf

pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)

DOWN = UpstreamUnavailable("the upstream cannot be connected to")


@pytest.fixture
def cabinet(database: Database, clock: FakeClock) -> Cabinet:
    """A cabinet with the hosted repositories `ours` and `more`, and the proxy `hub`."""
    cabinet = Cabinet(Shelf(database, MemoryBlobStore(clock)))
    for name in ("ours", "more"):
        cabinet.hosted(name)
    cabinet.proxy("hub")
    return cabinet


def derived(cabinet: Cabinet, name: str, path: str, kind: str) -> Content:
    return cabinet.visit(name, lambda repository: repository.get(path, derived=kind))


def put(cabinet: Cabinet, name: str, path: str, data: bytes, algorithms: Sequence[str]) -> None:
    """Publish bytes of which these checksums were computed beside sha256."""
    writer = cabinet.shelf.store.create(union(SHA256, algorithms))
    writer.write(data)
    blob = staged("shelf", writer.commit())

    def act(repository: Repository) -> None:
        with repository.edit() as edit:
            edit.put(path, blob, content_type="text/plain")

    cabinet.visit(name, act)


def sum_of(data: bytes, algorithm: str) -> bytes:
    return hashlib.new(algorithm, data).hexdigest().encode()


# Hosted


@pytest.mark.parametrize("algorithm", CHECKSUMS)
def test_a_checksum_that_is_known_is_a_document(cabinet: Cabinet, algorithm: str) -> None:
    put(cabinet, "ours", "app/x", b"bytes", CHECKSUMS)
    content = derived(cabinet, "ours", "app/x", algorithm)
    assert body(content) == sum_of(b"bytes", algorithm)
    head = content.head
    assert (head.content_type, head.size) == ("text/plain", len(sum_of(b"bytes", algorithm)))
    assert head.derived_from is not None
    assert head.derived_from.path == "app/x"
    assert head.modified == head.derived_from.added
    cabinet.put("ours", "app/x", b"other")
    assert not cabinet.stands(content.depends)


def test_one_that_is_not_known_is_not_there(cabinet: Cabinet) -> None:
    put(cabinet, "ours", "app/x", b"bytes", ())
    assert body(derived(cabinet, "ours", "app/x", "sha256")) == sum_of(b"bytes", "sha256")
    for path, kind in (("app/x", "md5"), ("app/x", "sha3"), ("app/none", "sha256")):
        with pytest.raises(AssetNotFound) as told:
            derived(cabinet, "ours", path, kind)
        assert told.value.depends is not None


@pytest.mark.parametrize(
    ("before", "later"), [((), ("md5", "sha1")), (("md5",), ("sha1",)), (("md5", "sha1"), ())]
)
def test_the_same_bytes_have_the_checksums_of_all_their_uploads(
    cabinet: Cabinet, before: Sequence[str], later: Sequence[str]
) -> None:
    put(cabinet, "ours", "app/x", b"bytes", before)
    put(cabinet, "more", "lib/y", b"bytes", later)
    for name, path in (("ours", "app/x"), ("more", "lib/y")):
        for algorithm in ("md5", "sha1", "sha256"):
            assert body(derived(cabinet, name, path, algorithm)) == sum_of(b"bytes", algorithm)
    assert len(cabinet.shelf.rows(tables.blob)) == 1
    assert cabinet.shelf.stored() == cabinet.shelf.named()


def test_the_same_again_teaches_them_without_a_revision(cabinet: Cabinet) -> None:
    put(cabinet, "ours", "app/x", b"bytes", ())
    put(cabinet, "ours", "app/x", b"bytes", ("md5",))
    assert body(derived(cabinet, "ours", "app/x", "md5")) == sum_of(b"bytes", "md5")
    assert len(cabinet.shelf.rows(tables.revision)) == 1


def test_who_was_told_that_there_is_none_hears_of_it(cabinet: Cabinet) -> None:
    put(cabinet, "ours", "app/x", b"bytes", ())
    with pytest.raises(AssetNotFound) as told:
        derived(cabinet, "ours", "app/x", "md5")
    assert cabinet.stands(told.value.depends)
    put(cabinet, "ours", "app/x", b"bytes", ("md5",))
    assert not cabinet.stands(told.value.depends)


def test_what_has_no_bytes_has_no_checksums(cabinet: Cabinet) -> None:
    def act(repository: Repository) -> None:
        with repository.edit() as edit:
            edit.put("app/fact", None, content_type="text/plain")

    cabinet.visit("ours", act)
    with pytest.raises(AssetNotFound):
        derived(cabinet, "ours", "app/fact", "sha256")


def test_a_past_file_has_its_own(cabinet: Cabinet, clock: FakeClock) -> None:
    cabinet.put("ours", "app/x", b"one")
    then = clock()
    clock.advance(FRESH)
    cabinet.put("ours", "app/x", b"two")
    content = cabinet.visit("ours", lambda repository: repository.get("app/x", derived="sha256"), past=then)
    assert body(content) == sum_of(b"one", "sha256")


# Proxies


def test_a_proxy_answers_for_what_it_holds(cabinet: Cabinet) -> None:
    cabinet.say("hub", "app/summed", b"bytes")
    cabinet.get("hub", "app/summed")
    cabinet.network.asked.clear()
    for algorithm in ("md5", "sha1", "sha256"):
        assert body(derived(cabinet, "hub", "app/summed", algorithm)) == sum_of(b"bytes", algorithm)
    assert cabinet.asked == []


def test_a_proxy_fetches_the_checksum_of_what_it_does_not_hold(cabinet: Cabinet) -> None:
    cabinet.say("hub", "app/summed", b"bytes")
    cabinet.say("hub", "app/summed.sha1", b"as the upstream writes it\n")
    for _ in range(2):
        content = derived(cabinet, "hub", "app/summed", "sha1")
        assert body(content) == b"as the upstream writes it\n"
    assert cabinet.asked == [("store", "hub:app/summed.sha1")]
    assert cabinet.holds("hub") == ["app/summed.sha1"], "the file itself does not come for it"


def test_one_that_was_not_computed_is_asked_for(cabinet: Cabinet) -> None:
    cabinet.say("hub", "app/x", b"bytes")
    cabinet.say("hub", "app/x.sha1", b"theirs")
    cabinet.get("hub", "app/x")
    assert body(derived(cabinet, "hub", "app/x", "sha256")) == sum_of(b"bytes", "sha256")
    assert body(derived(cabinet, "hub", "app/x", "sha1")) == b"theirs"


def test_a_checksum_is_that_of_the_file_that_is_served(cabinet: Cabinet, clock: FakeClock) -> None:
    """It is looked at whether the file is current, and its checksum is of what there is then."""
    cabinet.say("hub", "app/summed", b"one", etag='"one"')
    cabinet.get("hub", "app/summed")
    cabinet.say("hub", "app/summed", b"two", etag='"two"')
    assert body(derived(cabinet, "hub", "app/summed", "md5")) == sum_of(b"one", "md5")
    clock.advance(FRESH)
    assert body(derived(cabinet, "hub", "app/summed", "md5")) == sum_of(b"two", "md5")
    assert cabinet.get("hub", "app/summed") == b"two"
    cabinet.say("hub", "app/summed", error=DOWN)
    clock.advance(FRESH)
    assert body(derived(cabinet, "hub", "app/summed", "sha1")) == sum_of(b"two", "sha1")


def test_a_checksum_that_the_upstream_lacks_is_remembered_as_absent(cabinet: Cabinet) -> None:
    for _ in range(2):
        with pytest.raises(AssetNotFound):
            derived(cabinet, "hub", "app/x", "sha1")
    assert cabinet.asked == [("store", "hub:app/x.sha1")]


def test_names_that_clients_write_otherwise_have_the_same(cabinet: Cabinet) -> None:
    cabinet.say("hub", "app/summed", b"bytes")
    cabinet.get("hub", "app/summed")
    cabinet.network.asked.clear()
    assert body(derived(cabinet, "hub", "App/Summed", "sha1")) == sum_of(b"bytes", "sha1")
    assert cabinet.asked == []


# Groups


def test_a_group_has_it_from_the_member_that_has_the_file(cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "more", "hub")
    put(cabinet, "ours", "app/x", b"ours", ())
    put(cabinet, "more", "app/x", b"more", CHECKSUMS)
    assert body(derived(cabinet, "all", "app/x", "sha256")) == sum_of(b"ours", "sha256")
    with pytest.raises(AssetNotFound):  # and not that of another file
        derived(cabinet, "all", "app/x", "sha1")
    put(cabinet, "more", "app/y", b"more", CHECKSUMS)
    assert body(derived(cabinet, "all", "app/y", "sha1")) == sum_of(b"more", "sha1")
    assert cabinet.asked == []


def test_a_group_asks_upstream_for_it_where_the_file_is(cabinet: Cabinet) -> None:
    cabinet.proxy("far")
    cabinet.group("all", "hub", "far")
    cabinet.say("hub", "app/x", b"hub")
    cabinet.say("far", "app/x", b"far")
    cabinet.say("far", "app/x.sha1", b"of another file")
    with pytest.raises(AssetNotFound):
        derived(cabinet, "all", "app/x", "sha1")
    cabinet.say("far", "app/y", b"far")
    cabinet.say("far", "app/y.sha1", b"of this file")
    assert body(derived(cabinet, "all", "app/y", "sha1")) == b"of this file"


def test_the_checksum_of_a_name_that_is_ours_is_asked_of_no_upstream(cabinet: Cabinet) -> None:
    cabinet.group("all", "hub", "ours")
    cabinet.put("ours", "app/x", b"ours")
    cabinet.say("hub", "app/y.sha1", b"evil")
    with pytest.raises(AssetNotFound):
        derived(cabinet, "all", "app/y", "sha1")
    assert cabinet.asked == []
    content = derived(cabinet, "all", "app/x", "sha256")
    assert body(content) == sum_of(b"ours", "sha256")
    cabinet.put("ours", "app/x", b"other")
    assert not cabinet.stands(content.depends)
