"""The authorisation matrix: every route of every format, for every kind of principal and repository.

It is generated from the route table: a route whose parameters have no example here fails the test, so every
new route joins it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from artifactd.auth.principal import Access, Scopes, Verb
from artifactd.formats.format import Format, Route
from artifactd.formats.loader import load_formats
from tests.support.server import ADMIN, Login, RunningServer
from tests.support.toy_format import format as toy

DIGEST = "sha256:" + "0" * 64
UPLOAD = "00000000-0000-4000-8000-000000000000"

EXAMPLES = {
    "image": "team/app",
    "reference": "1",
    "digest": DIGEST,
    "upload": UPLOAD,
    "path": "team/app/file.txt",
    "folder": "team/app",
    "name": "team%2Fapp",
    "version": "1.0",
    "rest": ".json",
    "project": "team-app",
    "filename": "team_app-1.0-py3-none-any.whl",
}
"""An example of each parameter. What they name lies below `team/app`, or in it by the owner name."""

EXAMPLES_OF = {
    "maven": {
        "path": "team/app/1.0/app-1.0.jar",
        "version": "team/app/1.0",
        "file": "app-1.0-SNAPSHOT.jar",
        "algorithm": "sha1",
    },
    "rpm": {"path": "team/app-1.0-1.noarch.rpm", "name": "app"},
}
"""Where a format's parameters mean something else."""

COVERED = {"docker": "team/**", "pypi": "team-app/**", "raw": "team/**"}
"""What rights are given on: where a format has paths outside of it, on everything."""

ELSEWHERE = "other/**"

ROOTS = {"docker": "/v2/{repository}/{path}"}

BODIES = {"PUT": b"x", "POST": b"", "PATCH": b"x"}

WHOLE_REPOSITORY = {
    *((format, "") for format in ("maven", "raw", "rpm", "toy")),
    *(("pypi", path) for path in ("", "legacy", "legacy/", "simple", "simple/")),
}
"""Listings and forms whose path is only known from the content: coarse rights let them begin."""


@dataclass(frozen=True, slots=True)
class Case:
    format: Format
    route: Route
    method: str

    @property
    def path(self) -> str:
        examples = {**EXAMPLES, **EXAMPLES_OF.get(self.format.name, {})}
        return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: examples[found.group(1)], self.route.pattern)

    def url(self, repository: str) -> str:
        root = ROOTS.get(self.format.name, "/repository/{repository}/{path}")
        return root.format(repository=repository, path=self.path)

    def __str__(self) -> str:
        return f"{self.format.name}-{self.method}-{self.route.pattern}"


def cases() -> Iterator[Case]:
    for format in (*load_formats().values(), toy):
        for route in format.routes:
            if route.scope == "repository" and route.verb is not None and not route.pattern.startswith("/"):
                for method in route.methods.split():
                    yield Case(format, route, method)


@pytest.fixture(params=list(cases()), ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


def ask(server: RunningServer, case: Case, repository: str, login: Login | None) -> int:
    body = BODIES.get(case.method, b"")
    return server.request(case.method, case.url(repository), body, login=login).status


def test_without_credentials_it_is_401_whether_or_not_the_repository_exists(
    server: RunningServer, case: Case
) -> None:
    repository = server.repository(case.format.name)
    assert ask(server, case, repository, None) == 401
    assert ask(server, case, server.unused("nothing"), None) == 401


def test_wrong_credentials_are_401(server: RunningServer, case: Case) -> None:
    repository = server.repository(case.format.name)
    assert ask(server, case, repository, Login("admin", "wrong")) == 401


@pytest.mark.parametrize("verb", list(Verb))
def test_one_verb_opens_the_routes_that_take_it_and_no_other(
    server: RunningServer, case: Case, verb: Verb
) -> None:
    repository = server.repository(case.format.name)
    login = server.user((repository, COVERED.get(case.format.name, "**"), [verb]))
    status = ask(server, case, repository, login)
    if verb is case.route.verb:
        assert status not in (401, 403), f"{verb} is what this route takes"
    else:
        assert status == 403, f"{verb} opened a route that takes {case.route.verb}"


def test_rights_elsewhere_open_nothing(server: RunningServer, case: Case) -> None:
    repository = server.repository(case.format.name)
    other = server.repository(case.format.name)
    of_another = server.user((other, "**", list(Verb)))
    assert ask(server, case, repository, of_another) == 403
    is_form = (case.format.name, case.method) == ("rpm", "POST")  # its fields say where the file goes
    if not is_form and (case.format.name, case.route.pattern) not in WHOLE_REPOSITORY:
        below_another_path = server.user((repository, ELSEWHERE, list(Verb)))
        assert ask(server, case, repository, below_another_path) == 403


def test_a_scoped_token_opens_only_what_it_covers(server: RunningServer, case: Case) -> None:
    repository = server.repository(case.format.name)
    other = server.repository(case.format.name)
    verbs = frozenset(Verb)
    assert case.route.verb is not None

    def token(name: str, allowed: frozenset[Verb]) -> Login:
        record = server.core.repositories.find(name)
        return server.token(ADMIN, Scopes((Access(record.id, "**", allowed),)))

    assert ask(server, case, repository, token(repository, verbs)) not in (401, 403)
    assert ask(server, case, repository, token(other, verbs)) in (401, 403)
    assert ask(server, case, repository, token(repository, verbs - {case.route.verb})) in (401, 403)


def test_whoever_may_do_everything_learns_that_a_repository_is_not_there(
    server: RunningServer, case: Case
) -> None:
    nowhere = server.unused("nothing")
    status = ask(server, case, nowhere, ADMIN)
    assert status in (200, 404) if "referrers" in case.route.pattern else status == 404


def test_head_is_guarded_like_get() -> None:
    guarded: dict[tuple[str, str], dict[str, Verb | None]] = {}
    for case in cases():
        if case.method in ("GET", "HEAD"):
            guarded.setdefault((case.format.name, case.route.pattern), {})[case.method] = case.route.verb
    for where, verbs in guarded.items():
        assert set(verbs) == {"GET", "HEAD"}, f"{where} answers only {list(verbs)}"
        assert len(set(verbs.values())) == 1, where


def test_a_listing_names_only_what_may_be_read(server: RunningServer) -> None:
    repository = server.repository("raw")
    for path in ("team/a.txt", "secret/plans.txt", "readme.txt"):
        server.request("PUT", f"/repository/{repository}/{path}", b"x")
    login = server.user((repository, "team/**", [Verb.READ]))
    listing = server.request("GET", f"/repository/{repository}/", login=login).body.decode()
    assert "team/" in listing
    assert "secret" not in listing
    assert "readme" not in listing
