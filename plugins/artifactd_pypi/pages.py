"""Pages of the simple repository API: put together from what is kept for each file.

HTML has what it had when it was frozen (PEP 833), JSON has everything. Nothing here is a template engine's:
one takes ten times as long for 20,000 files.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final
from urllib.parse import quote

import msgspec

from artifactd.plugin import OwnerName, Representation
from artifactd_pypi.listing import File
from artifactd_pypi.negotiation import Form
from artifactd_pypi.project import LATEST, Project


def project_page(name: str, project: Project, serial: int | None, form: Form, base: str) -> Representation:
    """A project's page. `serial` is that of its last change, None where there is none that only grows
    (pypi R57); `base` the repository's full address, ending in a slash, which only attested files speak
    of."""
    render = _project_json if form is Form.JSON else _project_html
    return Representation(form.content_type, render(name, project, serial, base))


def list_page(names: Sequence[OwnerName], serial: int | None, form: Form) -> Representation:
    """The list of all projects."""
    render = _list_json if form is Form.JSON else _list_html
    return Representation(form.content_type, render(names, serial))


def _project_json(name: str, project: Project, serial: int | None, base: str) -> bytes:
    files = project.offered()
    status = {"status": project.status.state.value}
    if project.status.reason:
        status["reason"] = project.status.reason
    head: dict[str, Any] = {
        **project.more,
        "meta": {**project.meta, **_serial(serial), "api-version": project.api_version},
        "name": name,
        "project-status": status,
        "versions": project.versions,
    }
    begin, end = msgspec.json.encode(head)[:-1] + b',"files":[', b"]}"
    if not files:
        return begin + end
    rows = list(project.rows)
    if project.attested:
        rows = [file.json_at(base) if file.attested else file.json for file in files]
    # In one join: a page of 20,000 files has 11 MB, and each copy of it takes ten milliseconds.
    rows[0] = begin + rows[0]
    rows[-1] += end
    return b",".join(rows)


def _project_html(name: str, project: Project, serial: int | None, base: str) -> bytes:
    files = project.offered()
    title = f"Links for {name}"
    head = _head(title, project.api_version)
    state, reason = project.status.state, project.status.reason
    head += f'<meta name="pypi:project-status" content="{state}">\n'
    if reason:
        head += f'<meta name="pypi:project-status-reason" content="{escape(reason)}">\n'
    return b"".join([_body(head, title), *(_row(file, base) for file in files), _END])


def _row(file: File, base: str) -> bytes:
    return file.html_at(base) if file.attested else file.html


def _list_json(names: Sequence[OwnerName], serial: int | None) -> bytes:
    if serial is None:
        projects: Sequence[Mapping[str, Any]] = [{"name": name.path} for name in names]
    else:
        projects = [{**_serial(name.revision), "name": name.path} for name in names]
    meta = {**_serial(serial), "api-version": LATEST}
    return msgspec.json.encode({"meta": meta, "projects": projects})


def _list_html(names: Sequence[OwnerName], serial: int | None) -> bytes:
    rows = (f'<a href="{quote(name.path)}/">{escape(name.path)}</a><br>\n' for name in names)
    return b"".join([_body(_head("Projects", LATEST), "Projects"), "".join(rows).encode(), _END])


def _serial(serial: int | None) -> Mapping[str, int]:
    return {} if serial is None else {"_last-serial": serial}


def _head(title: str, version: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="pypi:repository-version" content="{version}">\n<title>{escape(title)}</title>\n'
    )


def _body(head: str, title: str) -> bytes:
    return f"{head}</head>\n<body>\n<h1>{escape(title)}</h1>\n".encode()


_END: Final = b"</body>\n</html>\n"
