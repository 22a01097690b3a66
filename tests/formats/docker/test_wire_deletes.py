"""Deletes, and what the collectors leave alone, on the wire (docker J)."""

from datetime import timedelta
from pathlib import Path

import pytest

from artifactd.tasks.task import Task
from tests.support.images import Registry, codes, digest_of, image, index
from tests.support.server import RunningServer, running


def test_a_deleted_tag_leaves_its_manifest(registry: Registry) -> None:  # docker R160
    app = registry.of("j/tag")
    digest = app.push(image("tag"), "1", "2")
    assert app.request("DELETE", "manifests/1").status == 202
    assert app.request("GET", "manifests/1").status == 404
    assert app.tags() == ["2"]
    assert app.request("GET", f"manifests/{digest}").status == 200


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_deleted_manifest_takes_its_tags_along(registry: Registry, algorithm: str) -> None:  # docker R160
    app, built, other = registry.of(f"j/{algorithm}"), image("gone", algorithm=algorithm), image("other")
    for blob in built.blobs:
        app.upload(blob, algorithm)
    path = f"manifests/{built.digest}?tag=1&tag=2"
    assert app.request("PUT", path, built.body).status == 201
    app.push(other, "3")
    assert app.request("DELETE", f"manifests/{built.digest}").status == 202
    for reference in (built.digest, "1", "2"):
        assert app.request("GET", f"manifests/{reference}").status == 404
        assert app.request("HEAD", f"manifests/{reference}").status == 404
    assert app.tags() == ["3"]


@pytest.mark.parametrize("reference", ["nothing", digest_of(b"nothing"), digest_of(b"nothing", "sha512")])
def test_what_is_not_there_cannot_be_deleted(registry: Registry, reference: str) -> None:
    answer = registry.of("j/none").request("DELETE", f"manifests/{reference}")
    assert (answer.status, codes(answer)) == (404, ["MANIFEST_UNKNOWN"])


def test_a_blob_that_is_needed_stays(registry: Registry) -> None:  # docker R161
    app, built = registry.of("j/blob"), image("needed")
    digest = app.push(built, "1")
    layer = digest_of(built.blobs[1])
    refused = app.request("DELETE", f"blobs/{layer}")
    assert (refused.status, codes(refused)) == (405, ["UNSUPPORTED"])
    app.request("DELETE", f"manifests/{digest}")
    assert app.request("DELETE", f"blobs/{layer}").status == 202
    assert app.request("HEAD", f"blobs/{layer}").status == 404
    assert codes(app.request("DELETE", f"blobs/{layer}")) == ["BLOB_UNKNOWN"]
    assert app.upload(built.blobs[1]) == layer
    assert app.request("HEAD", f"blobs/{layer}").status == 200


def test_a_deleted_index_leaves_its_children(registry: Registry) -> None:  # docker R162
    app, child = registry.of("j/index"), image("child")
    app.push(child)
    parent = app.push(index(child.descriptor), "1")
    assert app.request("DELETE", f"manifests/{parent}").status == 202
    assert app.request("GET", f"manifests/{child.digest}").status == 200


def collect(server: RunningServer) -> None:
    """A run of the collector, now."""
    server.core.queue.enqueue(Task("collect"), requested_by="test")
    server.run_tasks()


def test_blobs_live_while_a_manifest_needs_them_and_a_while_longer(tmp_path: Path) -> None:  # docker R163
    with running(tmp_path) as server:
        app = Registry(server, server.repository("docker", blob_linger="PT1H"), "app")
        kept, gone = image("kept"), image("gone")
        app.push(kept, "1")
        digest = app.push(gone, "2")
        alone = app.upload(b"nothing needs this")
        app.request("DELETE", f"manifests/{digest}")
        layer = digest_of(gone.blobs[1])
        server.clock.advance(timedelta(minutes=50))
        assert app.request("HEAD", f"blobs/{layer}").status == 200  # docker R164: a promise
        server.clock.advance(timedelta(minutes=20))
        collect(server)
        assert app.request("HEAD", f"blobs/{layer}").status == 200
        assert app.request("HEAD", f"blobs/{alone}").status == 404
        assert app.request("GET", f"blobs/{digest_of(kept.blobs[1])}").body == kept.blobs[1]
        server.clock.advance(timedelta(minutes=70))
        collect(server)
        assert app.request("HEAD", f"blobs/{layer}").status == 404
        assert app.request("GET", f"blobs/{digest_of(kept.blobs[0])}").body == kept.blobs[0]
        assert codes(app.put(gone, "2")) == ["MANIFEST_BLOB_UNKNOWN"] * 2
