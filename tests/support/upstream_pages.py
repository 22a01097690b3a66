"""Pages of other indexes, as an upstream's answers."""

import json
from typing import Any

from artifactd.upstream.answer import Answer, Facts
from artifactd_pypi.project import Project
from artifactd_pypi.project_index import PROJECTS

SHA = "5e" * 32
ANSWERED = "http://u.example/root/simple/demo/"
"""Where a page comes from if nothing else is said."""


def answer(body: bytes, content_type: str = "", url: str = ANSWERED) -> Answer:
    """What an upstream says."""
    return Answer(Facts(url, {"content-type": content_type} if content_type else {}), body)


def parsed(body: bytes, content_type: str = "", *, project: str = "demo", url: str = ANSWERED) -> Project:
    """The project that a page shows."""
    found = PROJECTS.parse(project, [answer(body, content_type, url)])
    assert isinstance(found, Project)
    return found


def file(filename: str, **said: Any) -> dict[str, Any]:
    """A file as JSON lists it."""
    return {"filename": filename, "url": f"../../files/{filename}", "hashes": {"sha256": SHA}, **said}


def page(*files: Any, **said: Any) -> bytes:
    """A page in JSON."""
    return json.dumps({"meta": {"api-version": "1.1"}, "name": "demo", "files": files, **said}).encode()


def html(body: str, head: str = "") -> bytes:
    """A page in HTML."""
    return f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>".encode()
