"""A Python index on loopback (simple repository API), as new or as old as it should be.

with FakeUpstream() as files, FakeIndex(files=files) as index:
    index.publish(wheel("acme-app"))
    index.html_only = True
    index.lie(wheel("acme-app"), sha256="0" * 64)
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html import escape
from typing import Any

from tests.support.distributions import Distribution, normalized
from tests.support.fake_answers import Asked, Reply, Resource
from tests.support.fake_upstream import FakeUpstream
from tests.support.indexes import HTML, JSON
from tests.support.server import Login

UPLOADED = datetime(2024, 5, 6, 7, 8, 9, 123456, UTC)
SIMPLE = "/simple/"


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of a project's page. `yanked`: the reason, empty for none; None: it is not. `more` are further
    keys of the JSON object."""

    distribution: Distribution
    hashes: Mapping[str, str]
    uploaded: datetime | None = UPLOADED
    yanked: str | None = None
    requires_python: str = ""
    has_metadata: bool = True
    more: Mapping[str, Any] = field(default_factory=dict)


class FakeIndex(FakeUpstream):
    """An index without projects. `files`: where the files are, by absolute URLs; None is here, by relative
    ones. `html_only`: JSON is not known. `says_size`: sizes and times of upload are told (version 1.1). All
    of it may be changed while it runs."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        login: Login | None = None,
        files: FakeUpstream | None = None,
        html_only: bool = False,
        says_size: bool = True,
    ) -> None:
        super().__init__(host=host, login=login)
        self.files = files
        self.html_only = html_only
        self.says_size = says_size
        self.status: dict[str, str] = {}
        self._listed: dict[str, dict[str, Listed]] = {}

    @property
    def simple(self) -> str:
        """What installers, and proxies, are told."""
        return f"{self.url}{SIMPLE}"

    def publish(
        self,
        *distributions: Distribution,
        hashes: tuple[str, ...] = ("sha256",),
        uploaded: datetime | None = UPLOADED,
        yanked: str | None = None,
        requires_python: str = "",
        has_metadata: bool = True,
        **more: Any,
    ) -> None:
        """Have these files, or have them anew. `hashes`: which are told, by `Distribution`'s names."""
        for each in distributions:
            told = {name: getattr(each, name) for name in hashes}
            offers = has_metadata and each.filename.endswith(".whl")
            line = Listed(each, told, uploaded, yanked, requires_python, offers, more)
            self._listed.setdefault(each.project, {})[each.filename] = line
            holder = self if self.files is None else self.files
            holder.put(self.path(each), each.content)
            if offers:
                holder.put(f"{self.path(each)}.metadata", each.metadata, "text/plain")

    def path(self, distribution: Distribution) -> str:
        """Where a file is, on the host that has it."""
        return f"/files/{distribution.project}/{distribution.filename}"

    def lie(self, distribution: Distribution, **hashes: str) -> None:
        """Tell other hashes of a file than are true."""
        self._change(distribution, hashes=hashes)

    def yank(self, distribution: Distribution, reason: str | None = "") -> None:
        """Yank a file; None un-yanks."""
        self._change(distribution, yanked=reason)

    def withdraw(self, distribution: Distribution) -> None:
        """Have a file neither on the page nor at all."""
        del self._listed[distribution.project][distribution.filename]
        holder = self if self.files is None else self.files
        holder.remove(self.path(distribution))

    def erase(self, project: str) -> None:
        """Have no such project any more; its files stay."""
        del self._listed[project]

    def find(self, asked: Asked) -> Resource | Reply | None:
        if not asked.path.startswith(SIMPLE):
            return super().find(asked)
        name = asked.path.removeprefix(SIMPLE)
        content_type = self._content_type(asked)
        if not name:
            return self._list(content_type)
        project = normalized(name.strip("/"))
        if name != f"{project}/":
            return Reply(301, [("Location", f"{SIMPLE}{project}/")])
        if project not in self._listed:
            return None
        page = self._json_page(project) if content_type == JSON else self._html_page(project)
        return _page(page, content_type)

    def _content_type(self, asked: Asked) -> str:
        accepted = "" if self.html_only else asked.header("accept")
        return next((each for each in (JSON, HTML) if each in accepted), "text/html; charset=utf-8")

    def _list(self, content_type: str) -> Resource:
        names = sorted(self._listed)
        if content_type == JSON:
            document = {"meta": {"api-version": "1.0"}, "projects": [{"name": name} for name in names]}
            return _page(json.dumps(document), JSON)
        anchors = "".join(f'<a href="{name}/">{name}</a><br>\n' for name in names)
        return _page(_html("Simple index", anchors), content_type)

    def _json_page(self, project: str) -> str:
        lines = self._listed[project].values()
        document = {
            "meta": {"api-version": "1.1" if self.says_size else "1.0", "_last-serial": 7},
            "name": project,
            "files": [self._file(line) for line in lines],
        }
        if self.says_size:
            document["versions"] = sorted({line.distribution.version for line in lines})
        if project in self.status:
            document["project-status"] = {"status": self.status[project]}
        return json.dumps(document)

    def _file(self, line: Listed) -> dict[str, Any]:
        told: dict[str, Any] = {
            "filename": line.distribution.filename,
            "url": self._link(line),
            "hashes": dict(line.hashes),
            **line.more,
        }
        if self.says_size:
            told["size"] = line.distribution.size
            if line.uploaded is not None:
                told["upload-time"] = line.uploaded.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        if line.requires_python:
            told["requires-python"] = line.requires_python
        if line.yanked is not None:
            told["yanked"] = line.yanked or True
        if line.has_metadata:
            told["core-metadata"] = {"sha256": line.distribution.metadata_sha256}
        return told

    def _html_page(self, project: str) -> str:
        anchors = []
        for line in self._listed[project].values():
            shown = "".join(f"#{name}={value}" for name, value in [*line.hashes.items()][:1])
            attributes = f'href="{escape(self._link(line) + shown)}"'
            if line.requires_python:
                attributes += f' data-requires-python="{escape(line.requires_python)}"'
            if line.yanked is not None:
                attributes += f' data-yanked="{escape(line.yanked)}"'
            if line.has_metadata:
                attributes += f' data-core-metadata="sha256={line.distribution.metadata_sha256}"'
            anchors.append(f"<a {attributes}>{escape(line.distribution.filename)}</a><br>\n")
        return _html(f"Links for {project}", "".join(anchors))

    def _link(self, line: Listed) -> str:
        path = self.path(line.distribution)
        return f"../..{path}" if self.files is None else f"{self.files.url}{path}"

    def _change(self, distribution: Distribution, **fields: Any) -> None:
        lines = self._listed[distribution.project]
        lines[distribution.filename] = replace(lines[distribution.filename], **fields)


def _page(text: str, content_type: str) -> Resource:
    headers = {"Vary": "Accept", "Cache-Control": "max-age=600, public", "X-PyPI-Last-Serial": "7"}
    return Resource(text.encode(), content_type, modified=None, headers=headers)


def _html(title: str, body: str) -> str:
    meta = '<meta name="pypi:repository-version" content="1.0">'
    return (
        f"<!DOCTYPE html>\n<html><head>{meta}<title>{title}</title></head>\n<body>\n{body}</body></html>\n"
    )
