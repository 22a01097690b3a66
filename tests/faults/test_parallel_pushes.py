"""Ten clients push at once to four web processes while every collector runs every second: no push fails, no
image breaks, and in the end the blob folder holds exactly what the catalog refers to.

Images share layers with those of other clients and with their own past, manifests are deleted and pushed
again, and nothing is spared but what a push needs: there is no undo window, and a layer that nobody refers
to lingers for two seconds. So bytes end beside pushes of the same bytes, which is what this is about.
"""

import random
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.images import Built
from tests.support.layouts import pullable, write_layout
from tests.support.maintenance import broken, collect, known, referenced, stored
from tests.support.programs import Program, installed
from tests.support.serving import ADMIN, Running, Serve
from tests.support.wire import Wire

CLIENTS = 10
ROUNDS = 20
PAUSE = 0.3
"""Seconds between rounds, so that collectors run between and beside them. A client's rounds take ten times
the linger time altogether."""

EVERY_SECOND = {
    f"ARTIFACTD_MAINTENANCE__{name}_EVERY": "1" for name in ("COLLECT", "COMPACT", "BLOB_GC", "UPLOAD_GC")
} | {
    "ARTIFACTD_MAINTENANCE__UNDO_WINDOW": "0",
    # Bytes wait for their edit for milliseconds; this is what a machine under load may make of it.
    "ARTIFACTD_MAINTENANCE__ORPHAN_MARGIN": "30",
}


def test_no_push_fails_and_only_what_is_referenced_stays(serve: Serve) -> None:
    # docker R114, R163, R164
    server = serve(workers=4, environment=EVERY_SECOND)
    server.repository("docker", blob_linger="PT2S")
    with ThreadPoolExecutor(CLIENTS) as pool:
        kept = dict(pool.map(lambda number: client(server, number), range(CLIENTS)))
    with Wire(server) as wire:
        for image, tags in kept.items():
            assert {tag: wire.pull(image, tag) for tag in tags} == tags
    given_back = sum(map(int, re.findall(r"blob GC: gave back (\d+) blobs", server.log.read_text())))
    assert given_back > CLIENTS, "the collectors had nothing to do"
    assert '"level": "error"' not in server.log.read_text()
    assert server.stop() == 0

    collect(server)
    assert broken(server) == []
    assert stored(server) == referenced(server) == known(server)
    again = serve(data=server.data)
    with Wire(again) as wire:
        for image, tags in kept.items():
            assert {tag: wire.pull(image, tag) for tag in tags} == tags


def client(server: Running, number: int) -> tuple[str, dict[str, str]]:
    """Push, pull and delete images under one name for all rounds: the name, and the digest by tag of what
    is there at the end."""
    chance = random.Random(number)
    image = f"docker/team/app{number}"
    tags: dict[str, str] = {}
    with Wire(server) as wire:
        for turn in range(ROUNDS):
            built, tag = built_for(number, turn), f"v{chance.randrange(4)}"
            wire.push(image, tag, built)
            assert wire.pull(image, tag) == built.digest
            tags[tag] = built.digest
            if chance.random() < 0.4:
                gone = chance.choice(sorted(tags.values()))
                wire.expect(202, "DELETE", f"/v2/{image}/manifests/{gone}")
                tags = {tag: digest for tag, digest in tags.items() if digest != gone}
            time.sleep(chance.uniform(0, 2 * PAUSE))
    return image, tags


def built_for(number: int, turn: int) -> Built:
    """Odd clients push what others push in the same rounds, even ones what they pushed some rounds ago."""
    content = f"shared {turn % 6}" if number % 2 else f"own {number} {turn % 6}"
    return pullable(content, layers=3, layer_size=5_000)


def test_a_real_client_pushes_the_same_images_beside_itself(serve: Serve, tmp_path: Path) -> None:
    skopeo = Program(installed("skopeo"), ["--insecure-policy"])
    flags = ("--dest-tls-verify=false", "--dest-creds", f"{ADMIN.name}:{ADMIN.password}")
    server = serve(workers=4, environment=EVERY_SECOND)
    server.repository("docker", blob_linger="PT5S")
    images = {f"v{number}": pullable(f"image {number}", layers=4, layer_size=20_000) for number in range(3)}
    layout = write_layout(tmp_path / "layout", **images)

    def push(number: int) -> None:
        name = f"{server.host}/docker/team/app{number % 4}"
        for tag in images:
            skopeo("copy", *flags, f"oci:{layout}:{tag}", f"docker://{name}:{tag}-{number}")

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(push, range(CLIENTS)))
    with Wire(server) as wire:
        for number in range(CLIENTS):
            for tag, image in images.items():
                assert wire.pull(f"docker/team/app{number % 4}", f"{tag}-{number}") == image.digest
