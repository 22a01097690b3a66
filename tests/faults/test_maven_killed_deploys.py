"""SIGKILL of every process of a server while artifacts are deployed: after the restart whatever was
acknowledged is there, no version is listed that is not whole, and the same deployments succeed."""

import http.client
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from tests.support.maintenance import broken, collect, known, referenced, stored
from tests.support.maven_deploys import deploy, deploying, fetched, get
from tests.support.maven_files import File, pom_of, versions_of
from tests.support.proxies import hosted
from tests.support.serving import Running, Serve
from tests.support.wire import Wire

ROUNDS = 2
CLIENTS = 4
VERSIONS = 5


def test_between_a_jar_and_its_pom(serve: Serve) -> None:
    # maven R50, R72, T7, M1
    server = serve()
    releases = hosted(server, "maven", "releases")
    file = File("com.acme", "halved", "1.0")
    with Wire(server) as wire:
        next(deploying(wire, releases, file))
    server.kill()
    server = serve(data=server.data)
    with Wire(server) as wire:
        assert get(wire, releases, file.metadata_path).status == 404
        assert get(wire, releases, file.path).body == file.content
        rebuilt = replace(file, comment="built again")
        refusal = wire.expect(400, "PUT", f"/repository/{releases}/{file.path}", rebuilt.content)
        assert "does not allow updating assets" in refusal.text
        deploy(wire, releases, file)
        assert versions_of(fetched(wire, releases, file.metadata_path)) == ["1.0"]
        assert fetched(wire, releases, file.path) == file.content
    finish(server)


def test_at_any_moment_of_deployments(serve: Serve) -> None:
    # maven R72
    chance = random.Random(13)
    server = serve()
    releases = hosted(server, "maven", "releases")
    for number in range(ROUNDS):
        parts = [versions(f"moment{number}-{client}") for client in range(CLIENTS)]
        said: list[File] = []
        threads = [
            threading.Thread(target=deploy_until_killed, args=(server, part, said)) for part in parts
        ]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0.05, 0.4))  # all of them take about as long
        server.kill()
        for thread in threads:
            thread.join()
        server = serve(data=server.data)
        assert broken(server) == []
        with Wire(server) as wire:
            for file in said:
                assert fetched(wire, releases, file.path) == file.content
                assert file.version in versions_of(fetched(wire, releases, file.metadata_path))
            for part in parts:
                check_listed(wire, releases, part)
                for file in part:
                    deploy(wire, releases, file)
                listed = versions_of(fetched(wire, releases, part[0].metadata_path))
                assert listed == [file.version for file in part]
    finish(server)


def versions(artifact: str) -> Sequence[File]:
    return [File("com.acme", artifact, f"1.{number}") for number in range(VERSIONS)]


def deploy_until_killed(server: Running, files: Sequence[File], said: list[File]) -> None:
    try:
        with Wire(server) as wire:
            for file in files:
                deploy(wire, "releases", file)
                said.append(file)
    except (OSError, http.client.HTTPException):
        pass  # it is dead


def check_listed(wire: Wire, repository: str, files: Sequence[File]) -> None:
    """What is listed is there, with its POM."""
    there = get(wire, repository, files[0].metadata_path)
    for version in versions_of(there.body) if there.status == 200 else ():
        file = next(each for each in files if each.version == version)
        assert fetched(wire, repository, file.path) == file.content
        assert fetched(wire, repository, file.pom_path) == pom_of(file)


def finish(server: Running) -> None:
    """Nothing that a dead process left is left for ever, and nothing else is gone."""
    assert server.stop() == 0
    assert '"level": "error"' not in server.log.read_text()
    before = referenced(server)
    collect(server)
    assert before <= stored(server) == referenced(server) == known(server)
    assert broken(server) == []
