"""A Python index client of a few lines for wire tests: it uploads, and reads pages and files."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urljoin

from artifactd.catalog.kinds import HOSTED
from artifactd.catalog.repositories import RepositoryDraft
from artifactd.clock import moment
from tests.support.distributions import Distribution
from tests.support.server import ADMIN, Answer, Login, RunningServer
from tests.support.upload_forms import Fields, form

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"

Headers = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Index:
    """One repository, as a client sees it."""

    server: RunningServer
    repository: str
    login: Login | None = ADMIN

    @property
    def base(self) -> str:
        """The path of its URL, without a slash at the end."""
        return f"/repository/{self.repository}"

    def by(self, login: Login | None) -> "Index":
        """The same repository for someone else."""
        return replace(self, login=login)

    def of(self, repository: str) -> "Index":
        """Another repository for the same one."""
        return replace(self, repository=repository)

    def request(
        self, method: str, path: str, body: bytes | Iterable[bytes] = b"", *, headers: Headers = ()
    ) -> Answer:
        """A request below the repository, or for an absolute path. `path` goes out as it is written."""
        full = path if path.startswith("/repository/") else f"{self.base}/{path}"
        return self.server.request(method, full, body, login=self.login, headers=headers)

    def get(self, path: str, **headers: str) -> Answer:
        """GET; headers are keyword arguments: `accept="text/html"`, `if_none_match=etag`."""
        return self.request("GET", path, headers=_lines(headers))

    def head(self, path: str, **headers: str) -> Answer:
        return self.request("HEAD", path, headers=_lines(headers))

    def upload(
        self,
        distribution: Distribution,
        fields: Fields | None = None,
        *,
        to: str = "/",
        headers: Mapping[str, str] | None = None,
        **shape: Any,
    ) -> Answer:
        """Send the upload form. `to` is what stands behind the repository's name; `shape` is as for
        `upload_forms.form`."""
        body, typed = form(distribution, fields, **shape)
        return self.request("POST", f"{self.base}{to}", body, headers={**typed, **(headers or {})})

    def publish(self, *distributions: Distribution, **shape: Any) -> None:
        """Upload, and insist on it."""
        for distribution in distributions:
            answer = self.upload(distribution, **shape)
            assert answer.status == 200, answer

    def page(self, project: str, accept: str = JSON) -> Answer:
        """A project's page."""
        return self.get(f"simple/{project}/", accept=accept)

    def project(self, project: str) -> dict[str, Any]:
        """A project's page, JSON."""
        answer = self.page(project)
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.json()
        return found

    def files(self, project: str) -> dict[str, dict[str, Any]]:
        """What the page says of each file, by its name."""
        return {file["filename"]: file for file in self.project(project)["files"]}

    def projects(self) -> list[str]:
        """The names of all projects."""
        return [each["name"] for each in self.get("simple/", accept=JSON).json()["projects"]]

    def url(self, distribution: Distribution) -> str:
        """The path of a file's URL as the project's page gives it."""
        url: str = self.files(distribution.project)[distribution.filename]["url"]
        return urljoin(f"{self.base}/simple/{distribution.project}/", url)

    def file(self, distribution: Distribution, suffix: str = "") -> Answer:
        """GET a file, or what is served beside it: `.metadata`, `.asc`, `.provenance`."""
        return self.get(f"packages/{distribution.project}/{distribution.filename}{suffix}")

    def delete(self, distribution: Distribution) -> Answer:
        return self.request("DELETE", f"packages/{distribution.project}/{distribution.filename}")

    def yank(self, project: str, version: str, reason: str | None = None, *, filename: str = "") -> Answer:
        """Yank a version, or one file of it."""
        body = b"" if reason is None else json.dumps({"reason": reason}).encode()
        return self.request("PUT", f"pypi/{project}/{version}/{filename and filename + '/'}yank", body)

    def unyank(self, project: str, version: str, *, filename: str = "") -> Answer:
        return self.request("DELETE", f"pypi/{project}/{version}/{filename and filename + '/'}yank")

    def mark(self, project: str, status: str, reason: str | None = None) -> Answer:
        """Give a project a status."""
        stated = {"status": status} | ({} if reason is None else {"reason": reason})
        return self.request("PUT", f"pypi/{project}/status", json.dumps(stated).encode())

    def serial(self, project: str | None = None) -> int:
        """The serial number of a project, or of the list of all."""
        answer = self.get(f"simple/{project}/" if project else "simple/", accept=JSON)
        return int(answer.header("x-pypi-last-serial"))

    def configured(self, **settings: Any) -> "Index":
        """The same repository, once it has these settings."""
        core = self.server.core
        draft = RepositoryDraft(self.repository, "pypi", HOSTED, settings, core.stores.id("default"))
        core.repositories.put(draft)
        return self

    def past(self) -> "Index":
        """The repository as it is at this moment, which then passes. The server's time must be its own."""
        written = f"{moment(self.server.clock()):%Y-%m-%dt%H%M%Sz}"
        self.server.clock.advance(timedelta(seconds=2))
        return self.of(f"{self.repository}.at.{written}")

    def revisions(self) -> int:
        """How many edits the repository has seen."""
        core = self.server.core
        record = core.repositories.find(self.repository)
        with core.database.connect() as connection:
            counted = connection.exec_driver_sql(
                f"SELECT count(*) FROM revision WHERE repository_id = {record.id}"
            )
            return int(counted.scalar_one())

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """A context in which nothing is stored and nothing edited."""
        before = self.revisions(), set(self.server.stored())
        yield
        assert (self.revisions(), set(self.server.stored())) == before


def refused(answer: Answer, *words: str, status: int = 400) -> str:
    """Insist on a refusal as clients print it, which speaks of `words`; what it says."""
    assert answer.status == status, answer
    assert answer.header("content-type").startswith("text/plain"), answer
    said = answer.text.strip()
    assert len(said) > 10, "no sentence"
    assert "Traceback" not in said
    assert "<" not in said.replace("<=", ""), "no page"
    for word in words:
        assert word.lower() in said.lower(), f"{said!r} does not speak of {word!r}"
    return said


def _lines(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
