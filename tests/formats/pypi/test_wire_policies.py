"""Write policies, and names that are never used again (pypi R99, R102)."""

import pytest

from artifactd.auth.principal import Verb
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.indexes import Index, refused
from tests.support.server import RunningServer
from tests.support.upload_forms import SIGNATURE


def index_with(server: RunningServer, policy: str) -> Index:
    return Index(server, server.repository("pypi", write_policy=policy))


def test_files_are_published_once_unless_something_else_is_said(empty: Index) -> None:
    empty.publish(wheel("foo"))
    with empty.unchanged():
        refused(empty.upload(wheel("foo", comment="other")), "already exists")


def test_allow_lets_other_bytes_take_the_place(server: RunningServer) -> None:
    index = index_with(server, "allow")  # pypi R99, R51
    first, second = wheel("foo"), wheel("foo", requires_python=">=3.8", comment="longer")
    index.publish(first)
    before = index.serial("foo")
    index.publish(second)
    file = index.files("foo")[second.filename]
    assert (file["hashes"]["sha256"], file["size"]) == (second.sha256, second.size)
    assert file["core-metadata"] == {"sha256": second.metadata_sha256}
    assert file["requires-python"] == ">=3.8"
    assert index.file(second).body == second.content
    assert index.file(second, ".metadata").body == second.metadata
    assert index.serial("foo") > before


def test_a_replaced_file_takes_its_signature_with_it(server: RunningServer) -> None:
    index = index_with(server, "allow")
    index.publish(wheel("foo"), signature=SIGNATURE)
    index.publish(wheel("foo", comment="other"))
    assert index.file(wheel("foo"), ".asc").status == 404
    assert not index.files("foo")[wheel("foo").filename].get("gpg-sig")


def test_allow_lets_a_name_be_used_again(server: RunningServer) -> None:
    index = index_with(server, "allow")  # pypi R102
    index.publish(wheel("foo"))
    assert index.delete(wheel("foo")).status == 204
    index.publish(wheel("foo", comment="other"))
    assert index.file(wheel("foo")).body == wheel("foo", comment="other").content


@pytest.mark.parametrize("kind", ["file", "release"])
def test_a_deleted_name_takes_no_other_bytes(server: RunningServer, kind: str) -> None:
    index = index_with(server, "allow_once")  # pypi R102
    index.publish(wheel("foo"), sdist("foo"))
    if kind == "file":
        assert index.delete(wheel("foo")).status == 204
    else:
        assert index.request("DELETE", "pypi/foo/1.0").status == 204
    with index.unchanged():
        refused(index.upload(wheel("foo", comment="other")), "foo")
    assert index.file(wheel("foo")).status == 404
    index.publish(wheel("foo"))  # the same bytes may come back
    assert index.file(wheel("foo")).body == wheel("foo").content
    with index.unchanged():
        refused(index.upload(wheel("foo", comment="other")), "already exists")


def test_deny_takes_nothing(server: RunningServer) -> None:
    index = index_with(server, "allow_once")
    index.publish(wheel("foo"))
    index.configured(write_policy="deny")
    with index.unchanged():
        answer = index.upload(wheel("foo", "2.0"))
        refused(answer, status=405)  # pypi R105, L15
        assert {each.strip() for each in answer.header("allow").split(",")} == {"GET", "HEAD"}
        assert index.yank("foo", "1.0").status == 405
        assert index.mark("foo", "archived").status == 405
    assert index.file(wheel("foo")).status == 200
    assert index.delete(wheel("foo")).status == 204, "to delete is another right"
    with index.unchanged():
        refused(index.upload(wheel("foo")), status=405)


@pytest.mark.parametrize("build", [wheel, sdist])
def test_a_deleted_file_is_neither_served_nor_listed(index: Index, name: str, build: object) -> None:
    distribution: Distribution = build(name)  # type: ignore[operator]
    index.publish(distribution, wheel(name, "2.0"), signature=SIGNATURE)
    before = index.serial(name)
    answer = index.delete(distribution)
    assert (answer.status, answer.body) == (204, b"")
    for suffix in ("", ".metadata", ".asc"):
        assert index.file(distribution, suffix).status == 404, suffix
    assert list(index.files(name)) == [wheel(name, "2.0").filename]
    assert index.project(name)["versions"] == ["2.0"]
    assert index.serial(name) > before  # pypi R57
    assert index.delete(distribution).status == 404


def test_a_version_is_deleted_as_a_whole(index: Index, name: str) -> None:
    kept = wheel(name, "2.0")
    gone = [wheel(name), sdist(name), wheel(name, build="2", tag="cp311-cp311-linux_x86_64")]
    index.publish(kept, *gone, signature=SIGNATURE)
    assert index.request("DELETE", f"pypi/{name}/1.0.0").status == 204
    for distribution in gone:
        for suffix in ("", ".metadata", ".asc"):
            assert index.file(distribution, suffix).status == 404
    assert list(index.files(name)) == [kept.filename]
    assert index.file(kept, ".asc").body == SIGNATURE
    assert index.request("DELETE", f"pypi/{name}/1.0").status == 404
    assert index.request("DELETE", f"pypi/{name}-none/1.0").status == 404


def test_deleting_takes_the_right_to_delete(index: Index, name: str) -> None:
    index.publish(wheel(name))
    writer = index.by(index.server.user((index.repository, "**", [Verb.READ, Verb.WRITE])))
    with index.unchanged():
        assert writer.delete(wheel(name)).status == 403
        assert writer.request("DELETE", f"pypi/{name}/1.0").status == 403
        assert index.by(None).delete(wheel(name)).status == 401
    deleter = index.by(index.server.user((index.repository, f"{name}/**", [Verb.READ, Verb.DELETE])))
    assert deleter.delete(wheel(name)).status == 204


def test_a_rule_for_one_file_does_not_delete_the_others(index: Index, name: str) -> None:
    index.publish(wheel(name), sdist(name))
    rule = (index.repository, wheel(name).path, [Verb.READ, Verb.DELETE])
    login = index.by(index.server.user(rule))
    with index.unchanged():
        assert login.request("DELETE", f"pypi/{name}/1.0").status == 403
    assert len(index.files(name)) == 2


def test_a_companion_is_not_deleted_alone(index: Index, name: str) -> None:
    index.publish(wheel(name), signature=SIGNATURE)
    for suffix in (".metadata", ".asc"):
        answer = index.request("DELETE", f"packages/{name}/{wheel(name).filename}{suffix}")
        assert answer.status in (400, 404, 405), suffix
    assert index.file(wheel(name), ".metadata").status == 200
