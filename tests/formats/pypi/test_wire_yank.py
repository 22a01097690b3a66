"""Yanking: a version, or one file of it, is passed over but stays there (pypi R44)."""

import pytest

from artifactd.auth.principal import Verb
from tests.formats.pypi.test_wire_pages import Anchors
from tests.support.distributions import sdist, wheel
from tests.support.indexes import HTML, Index, refused


def yanked(index: Index, name: str) -> dict[str, object]:
    """What JSON says of each file; HTML must agree."""
    stated = {filename: file["yanked"] for filename, file in index.files(name).items()}
    for anchor in Anchors(index.page(name, HTML)).anchors:
        known = stated[str(anchor["text"])]
        assert anchor.get("data-yanked") == {False: None, True: ""}.get(known, known)  # type: ignore[call-overload]
    return stated


def test_a_version_is_yanked_and_back(index: Index, name: str) -> None:
    old, new, source = wheel(name, "1.0"), wheel(name, "2.0"), sdist(name, "2.0")
    index.publish(old, new, source)
    answer = index.yank(name, "2.0", "it deletes files")
    assert (answer.status, answer.body) == (204, b"")
    reason = "it deletes files"
    assert yanked(index, name) == {old.filename: False, new.filename: reason, source.filename: reason}
    assert index.project(name)["versions"] == ["1.0", "2.0"]
    for distribution in (new, source):  # it stays for those who have pinned it
        assert index.file(distribution).body == distribution.content
    assert index.file(new, ".metadata").body == new.metadata
    assert index.unyank(name, "2.0").status == 204
    assert set(yanked(index, name).values()) == {False}


@pytest.mark.parametrize("body", [b"", b"{}", b'{"reason": ""}', b'{"reason": null}'])
def test_a_reason_need_not_be_given(index: Index, name: str, body: bytes) -> None:
    index.publish(wheel(name))
    assert index.request("PUT", f"pypi/{name}/1.0/yank", body).status == 204
    assert yanked(index, name) == {wheel(name).filename: True}
    assert b'data-yanked="False"' not in index.page(name, HTML).body
    assert b'data-yanked="True"' not in index.page(name, HTML).body


def test_one_file_alone_can_be_yanked(index: Index, name: str) -> None:
    distribution, source = wheel(name), sdist(name)
    index.publish(distribution, source)
    assert index.yank(name, "1.0", "wrong tag", filename=distribution.filename).status == 204
    assert yanked(index, name) == {distribution.filename: "wrong tag", source.filename: False}
    assert index.unyank(name, "1.0", filename=distribution.filename).status == 204
    assert set(yanked(index, name).values()) == {False}


def test_a_reason_can_be_changed_and_the_same_again_is_no_change(index: Index, name: str) -> None:
    index.publish(wheel(name))
    for reason in ("one", "two"):
        assert index.yank(name, "1.0", reason).status == 204
        assert yanked(index, name) == {wheel(name).filename: reason}
    with index.unchanged():
        assert index.yank(name, "1.0", "two").status == 204
    assert index.unyank(name, "1.0").status == 204
    with index.unchanged():
        assert index.unyank(name, "1.0").status == 204


@pytest.mark.parametrize("spelled", ["1.0.0", "v1.0", "1", "1.0"])
def test_a_version_is_found_however_it_is_spelled(index: Index, name: str, spelled: str) -> None:
    index.publish(wheel(name))
    assert index.yank(name, spelled, "x").status == 204
    assert yanked(index, name) == {wheel(name).filename: "x"}


def test_a_later_file_of_a_yanked_version_is_yanked_too(index: Index, name: str) -> None:
    index.publish(wheel(name))
    index.yank(name, "1.0", "broken")
    index.publish(sdist(name), wheel(name, "2.0"))
    expected = {wheel(name).filename: "broken", sdist(name).filename: "broken"}
    assert yanked(index, name) == {**expected, wheel(name, "2.0").filename: False}


def test_the_same_upload_again_does_not_bring_it_back(index: Index, name: str) -> None:
    index.publish(wheel(name))
    index.yank(name, "1.0", "broken")
    index.publish(wheel(name))
    assert yanked(index, name) == {wheel(name).filename: "broken"}


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("path", ["none/1.0/yank", "{name}/9/yank", "{name}/1.0/none-1.0.tar.gz/yank"])
def test_what_is_not_there_cannot_be_yanked(index: Index, name: str, path: str, method: str) -> None:
    index.publish(wheel(name))
    with index.unchanged():
        answer = index.request(method, f"pypi/{path.format(name=name)}", b"")
        refused(answer, status=404)


@pytest.mark.parametrize(
    "body",
    [b"[]", b"broken", b'{"reason": 1}', b'"x"', b"\xff", b'{"reason": "\xff"}', b'{"reason": ["x"]}'],
)
def test_a_reason_is_a_text_in_json(index: Index, name: str, body: bytes) -> None:
    index.publish(wheel(name))
    with index.unchanged():
        refused(index.request("PUT", f"pypi/{name}/1.0/yank", body))


def test_it_takes_the_right_to_write(index: Index, name: str) -> None:
    index.publish(wheel(name))
    reader = index.by(index.server.user((index.repository, "**", [Verb.READ])))
    with index.unchanged():
        assert reader.yank(name, "1.0").status == 403
        assert reader.unyank(name, "1.0").status == 403
        assert index.by(None).yank(name, "1.0").status == 401
    elsewhere = index.by(index.server.user((index.repository, "other/**", list(Verb))))
    with index.unchanged():
        assert elsewhere.yank(name, "1.0").status == 403
    writer = index.by(index.server.user((index.repository, f"{name}/**", [Verb.READ, Verb.WRITE])))
    assert writer.yank(name, "1.0").status == 204


def test_it_makes_a_serial_number(index: Index, name: str) -> None:
    index.publish(wheel(name))
    before = index.serial(name)  # pypi R57
    index.yank(name, "1.0")
    assert index.serial(name) > before
    assert index.serial() >= index.serial(name)
