"""oras, which pushes files as layers of any type, and artifacts that refer to others."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.layouts import pullable
from tests.support.programs import Program, found
from tests.support.serving import ADMIN, Running
from tests.support.wire import Wire

PLAIN = "--plain-http"


@pytest.fixture
def oras(registry: Running, tmp_path: Path) -> Program:
    """oras, logged in as the administrator."""
    program = Program(found("oras"), (), {"DOCKER_CONFIG": str(tmp_path)})
    program("login", PLAIN, "-u", ADMIN.name, "--password-stdin", registry.host, stdin=ADMIN.password)
    return program


def test_files_of_no_byte_and_of_one_come_back(oras: Program, image_name: str, tmp_path: Path) -> None:
    # docker R107
    sent, back = tmp_path / "sent", tmp_path / "back"
    sent.mkdir()
    contents = {"empty": b"", "one": b"1", "more": bytes(range(256)) * 300}
    for name, data in contents.items():
        (sent / name).write_bytes(data)
    oras("push", PLAIN, f"{image_name}:1", *contents, cwd=sent)
    oras("pull", PLAIN, "-o", back, f"{image_name}:1")
    assert {file.name: file.read_bytes() for file in back.iterdir()} == contents


def test_artifacts_attached_at_once_are_all_discovered(
    oras: Program, registry: Running, image_name: str, tmp_path: Path
) -> None:
    # docker R69
    image = image_name.removeprefix(f"{registry.host}/")
    with Wire(registry) as wire:
        wire.push(image, "1", pullable(image_name))
    files = [tmp_path / f"file{number}" for number in range(4)]
    for file in files:
        file.write_text(file.name)

    def attach(file: Path) -> None:
        kind = f"application/vnd.example.{file.name}"
        oras("attach", PLAIN, "--disable-path-validation", "--artifact-type", kind, f"{image_name}:1", file)

    with ThreadPoolExecutor(len(files)) as pool:
        list(pool.map(attach, files))
    document = json.loads(oras("discover", PLAIN, "--format", "json", f"{image_name}:1"))
    kinds = {entry["artifactType"] for entry in document.get("referrers") or document["manifests"]}
    assert kinds == {f"application/vnd.example.{file.name}" for file in files}
    with Wire(registry) as wire:
        assert wire.request("GET", f"/v2/{image}/tags/list").json()["tags"] == ["1"]


def test_every_tag_is_listed_however_many_there_are(
    oras: Program, registry: Running, image_name: str
) -> None:
    # docker R143
    tags = [f"t{number}" for number in range(2500)]
    with Wire(registry) as wire:
        wire.push_tags(image_name.removeprefix(f"{registry.host}/"), tags, pullable(image_name))
    assert sorted(oras("repo", "tags", PLAIN, image_name).split()) == sorted(tags)


def test_an_image_with_its_artifacts_is_copied(
    oras: Program, registry: Running, image_name: str, tmp_path: Path
) -> None:
    image = image_name.removeprefix(f"{registry.host}/")
    with Wire(registry) as wire:
        wire.push(image, "1", pullable(image_name))
    (tmp_path / "note").write_text("a note")
    oras(
        "attach", PLAIN, "--disable-path-validation", "--artifact-type", "text/note",
        f"{image_name}:1", tmp_path / "note",
    )  # fmt: skip
    oras("copy", "-r", "--from-plain-http", "--to-plain-http", f"{image_name}:1", f"{image_name}/copy:1")
    said = oras("discover", PLAIN, "--format", "json", f"{image_name}/copy:1")
    assert "text/note" in said
