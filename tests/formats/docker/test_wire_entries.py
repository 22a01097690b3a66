"""A host name declared for one repository, on the wire (docker A, B)."""

from collections.abc import Iterator

import pytest

from artifactd.auth.principal import Verb
from artifactd.catalog.kinds import HOSTED
from artifactd.catalog.repositories import RepositoryDraft
from tests.support.images import digest_of, image
from tests.support.server import RunningServer, running


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose own host name stands for the repository `images`."""
    with running(tmp_path_factory.mktemp("declared")) as server:
        draft = RepositoryDraft(
            "images", "docker", HOSTED, {}, server.core.stores.id("default"), hosts=("127.0.0.1",)
        )
        server.core.repositories.put(draft, create=True)
        yield server


def bearer(server: RunningServer, scope: str) -> dict[str, str]:
    answer = server.request("GET", f"/auth/token?service=host:127.0.0.1&scope={scope}")
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def test_names_are_whole_and_so_is_everything_given_back(declared: RunningServer) -> None:  # docker R8, R9
    challenge = declared.request("GET", "/v2/a/b/tags/list", login=None).header("www-authenticate")
    assert challenge == (
        f'Bearer realm="{declared.url}/auth/token",service="host:127.0.0.1",scope="repository:a/b:pull"'
    )
    headers = bearer(declared, "repository:a/b:pull,push")
    built = image("declared")
    for blob in built.blobs:
        begun = declared.request("POST", "/v2/a/b/blobs/uploads/", headers=headers)
        assert begun.header("location").startswith("/v2/a/b/blobs/uploads/")
        location = f"{begun.header('location')}?digest={digest_of(blob)}"
        stored = declared.request("PUT", location, blob, headers=headers)
        assert stored.header("location") == f"/v2/a/b/blobs/{digest_of(blob)}"
    put = declared.request("PUT", "/v2/a/b/manifests/1", built.body, headers=headers)
    assert put.header("location") == f"/v2/a/b/manifests/{built.digest}"
    assert declared.request("GET", "/v2/a/b/tags/list", headers=headers).json() == {
        "name": "a/b",
        "tags": ["1"],
    }
    assert declared.request("GET", "/v2/_catalog").json() == {"repositories": ["a/b"]}
    catalog = bearer(declared, "registry:catalog:*")
    assert declared.request("GET", "/v2/_catalog", headers=catalog).json() == {"repositories": ["a/b"]}


def test_a_mount_s_source_is_of_the_same_entry(declared: RunningServer) -> None:  # docker R132
    digest = digest_of(b"mounted here")
    declared.request("POST", f"/v2/a/c/blobs/uploads/?digest={digest}", b"mounted here")
    assert declared.request("POST", f"/v2/a/d/blobs/uploads/?mount={digest}&from=a/c").status == 201


def test_the_version_check_works_there_too(declared: RunningServer) -> None:
    assert declared.request("GET", "/v2/").status == 200
    assert declared.request("GET", "/v2/", login=None).status == 401
    reader = declared.user(("images", "a/**", [Verb.READ]))
    assert declared.request("GET", "/v2/", login=reader).status == 200
