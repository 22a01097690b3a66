"""Installers and publishers of groups: what is ours is ours, whatever an index in the world has under its
name."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from artifactd.auth.principal import Verb
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.fake_index import FakeIndex
from tests.support.homes import Home
from tests.support.hosted import Hosted
from tests.support.installers import Installer
from tests.support.proxies import group, hosted, proxy
from tests.support.serving import ADMIN, Running, eventually
from tests.support.upstream_faults import status

NEWEST = "99.0"


@dataclass(frozen=True, slots=True)
class Both:
    """A group of a hosted repository and a proxy of an index."""

    index: FakeIndex
    own: Hosted
    all: Hosted

    def asked(self, project: str) -> list[str]:
        """What the index was asked that has to do with a project."""
        spellings = {project, project.replace("-", "_")}
        return [
            each.target for each in self.index.asked() if any(name in each.target for name in spellings)
        ]


def made(registry: Running, index: FakeIndex, **more: Any) -> Both:
    own = hosted(registry, "pypi")
    both = group(
        registry, "pypi", own, proxy(registry, "pypi", index.url, fresh_for=0), writable=own, **more
    )
    return Both(index, Hosted(registry, own), Hosted(registry, both))


@pytest.fixture
def index() -> Iterator[FakeIndex]:
    with FakeIndex() as index:
        yield index


@pytest.fixture
def both(registry: Running, index: FakeIndex) -> Both:
    return made(registry, index)


@pytest.fixture(params=["pip-20", "pip-26", "uv"])
def install(request: pytest.FixtureRequest, home: Home) -> Installer:
    return Installer(home, request.param)


def test_a_name_of_ours_is_never_taken_from_the_world(both: Both, install: Installer) -> None:
    # pypi R151, R152: nor does the world learn of it.
    ours = wheel("acme-core", "1.0")
    both.own.publish(ours)
    both.index.publish(wheel("acme-core", NEWEST))
    assert install(both.all, "acme-core") == {"acme_core-1.0"}
    assert install(both.all, "Acme.Core>=0.5") == {"acme_core-1.0"}
    assert "acme" in install.refused(both.all, "acme-core>1.0")
    assert both.own.index.yank("acme-core", "1.0").status == 204
    assert install(both.all, "acme-core==1.0") == {"acme_core-1.0"}
    install.refused(both.all, "acme-core>1.0")
    assert both.own.index.delete(ours).status == 204
    install.refused(both.all, "acme-core")
    install.refused(both.all, f"acme-core=={NEWEST}")
    assert both.asked("acme-core") == []


def test_what_is_not_ours_comes_from_the_world_beside_what_is(both: Both, install: Installer) -> None:
    both.own.publish(wheel("acme-core", requires=["their-lib>=2"]))
    both.index.publish(wheel("their-lib", "2.0", requires=["their-base"]), sdist("their-base", "3.0"))
    assert install(both.all, "acme-core") == {"acme_core-1.0", "their_lib-2.0", "their_base-3.0"}
    assert both.asked("acme-core") == []


def test_the_world_may_add_to_a_name_if_the_group_says_so(
    registry: Running, index: FakeIndex, install: Installer
) -> None:
    # pypi R151
    both = made(registry, index, merge=["acme-open"])
    both.own.publish(wheel("acme-open", "1.0"), wheel("acme-core", "1.0"))
    index.publish(wheel("acme-open", NEWEST), wheel("acme-core", NEWEST))
    assert install(both.all, "acme-open") == {"acme_open-99.0"}
    assert install(both.all, "acme-open==1.0") == {"acme_open-1.0"}
    assert install(both.all, "acme-core") == {"acme_core-1.0"}


def test_names_can_be_reserved_before_they_are_used(
    registry: Running, index: FakeIndex, install: Installer
) -> None:
    # pypi R152
    both = made(registry, index, reserved=["acme-*", "acme-*/**"])
    index.publish(wheel("acme-future", NEWEST), wheel("their-lib"))
    install.refused(both.all, "acme-future")
    assert both.asked("acme-future") == []
    assert install(both.all, "their-lib") == {"their_lib-1.0"}


def test_the_first_has_the_word_where_two_have_the_same_file(
    registry: Running, index: FakeIndex, install: Installer
) -> None:
    # pypi R150
    theirs = wheel("acme-open", "1.0", comment="theirs")
    both = made(registry, index, merge=["acme-open"])
    both.own.publish(wheel("acme-open", "1.0", comment="ours"))
    index.publish(theirs)
    assert install(both.all, "acme-open") == {"acme_open-1.0"}
    assert both.all.index.file(theirs).body == wheel("acme-open", "1.0", comment="ours").content
    assert index.count("", "/files/*") == 0


def test_a_member_that_cannot_be_asked_is_not_passed_over(
    registry: Running, index: FakeIndex, install: Installer
) -> None:
    # proxy R102; pypi R153: else an outage of the first serves what the second has under that name.
    with FakeIndex() as second:
        index.publish(wheel("their-lib", "1.0"))
        second.publish(wheel("their-lib", NEWEST))
        members = [proxy(registry, "pypi", each.url, fresh_for=0) for each in (index, second)]
        both = Hosted(registry, group(registry, "pypi", *members))
        index.fault(status(503))
        page = both.index.page("their-lib")
        assert (page.status, page.header("retry-after").isdigit()) == (503, True)
        install.refused(both, "their-lib")
        index.heal()
        eventually(lambda: both.index.page("their-lib").status == 200, 20)
        assert install(both, "their-lib==1.0") == {"their_lib-1.0"}
        # Once there are copies they are good enough.
        index.fault(status(503))
        assert install(both, "their-lib==1.0") == {"their_lib-1.0"}


def publish(home: Home, to: Hosted, distribution: Distribution) -> None:
    file = home.folder / distribution.filename
    file.write_bytes(distribution.content)
    uv = home.program("uv")
    uv("publish", "--publish-url", f"{to.url}/", "-u", ADMIN.name, "-p", ADMIN.password, str(file))


def test_what_is_published_to_a_group_is_there_at_once(home: Home, both: Both, install: Installer) -> None:
    # proxy R105, R106
    both.index.publish(wheel("acme-new", NEWEST))
    assert install(both.all, "acme-new") == {"acme_new-99.0"}  # nobody of ours has it yet
    publish(home, both.all, wheel("acme-new", "1.0"))
    assert install(both.all, "acme-new") == {"acme_new-1.0"}
    assert install(both.own, "acme-new") == {"acme_new-1.0"}
    publish(home, both.all, wheel("acme-new", "1.1"))
    assert install(both.all, "acme-new") == {"acme_new-1.1"}


def test_nothing_is_published_where_no_member_takes_it(
    home: Home, registry: Running, index: FakeIndex
) -> None:
    name = group(registry, "pypi", hosted(registry, "pypi"), proxy(registry, "pypi", index.url))
    answer = Hosted(registry, name).index.upload(wheel("acme-new"))
    assert answer.status == 405, answer


def test_the_right_to_read_is_that_of_each_member(registry: Running, both: Both) -> None:
    # pypi R155; TRAPS 8
    both.own.publish(wheel("acme-secret"))
    role = f"{both.all.name}-reader"
    registry.allow(role, both.all.name, Verb.READ)
    reader = registry.user(role, "correct-horse", role)
    page = both.all.index.by(reader).page("acme-secret")
    assert page.status in (403, 404), page
    assert both.all.index.page("acme-secret").status == 200
    whole = group(registry, "pypi", both.own.name, rights="group", name=f"{role}-all")
    registry.allow(role, whole, Verb.READ)
    assert Hosted(registry, whole).index.by(reader).page("acme-secret").status == 200
