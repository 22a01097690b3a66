"""Python distributions: the simple repository API (PEP 503, 592, 629, 658, 691, 700, 714, 740, 792) and the
upload API of twine, uv, poetry, hatch, flit and pdm.

A file lies at `<project>/<file name>` (`names.py`); a project's page is an index of what lies there
(`project_index.py`), rendered once in each form (`pages.py`). Yanks, statuses and names that were used are
facts beside the files. What an upstream's page says is read into the same model (`upstream_pages.py`), and
tells where its files are (`fetching.py`). Bytes, ranges, codings, rights and the catalog are the core's.
Start at the routes below.
"""

from artifactd.plugin import Format, Route, Verb
from artifactd_pypi.fetching import fetch
from artifactd_pypi.files import delete_file, delete_version, get_file
from artifactd_pypi.json_api import get_json
from artifactd_pypi.landing import show_repository
from artifactd_pypi.metadata import describe
from artifactd_pypi.names import companion, owner
from artifactd_pypi.rendering import STATUSES, render_error
from artifactd_pypi.settings import PyPISettings, immutable, write_class
from artifactd_pypi.simple import add_slash, add_slash_to_list, get_project, list_projects
from artifactd_pypi.snippets import snippets
from artifactd_pypi.uploads import post_upload, receive_upload
from artifactd_pypi.yanking import put_status, receive_note, unyank, yank

_FILE = "packages/{project}/{filename}"
_VERSION = "pypi/{project}/{version}"

ROUTES = (
    # Wherever a publisher is pointed at takes its files: one that is redirected has failed (pypi R22).
    *(
        Route("POST", path, Verb.WRITE, post_upload, receive_upload)
        for path in ("", "legacy/", "legacy", "simple/", "simple")
    ),
    Route("GET HEAD", "", Verb.READ, show_repository),
    Route("GET HEAD", "simple/", Verb.READ, list_projects),
    Route("GET HEAD", "simple", Verb.READ, add_slash_to_list),
    Route("GET HEAD", "simple/{project}/", Verb.READ, get_project),
    Route("GET HEAD", "simple/{project}", Verb.READ, add_slash),
    Route("GET HEAD", _FILE, Verb.READ, get_file, keyed=True),
    Route("DELETE", _FILE, Verb.DELETE, delete_file),
    Route("GET HEAD", "pypi/{project}/json", Verb.READ, get_json),
    Route("GET HEAD", f"{_VERSION}/json", Verb.READ, get_json),
    Route("PUT", "pypi/{project}/status", Verb.WRITE, put_status, receive_note),
    Route("PUT", f"{_VERSION}/yank", Verb.WRITE, yank, receive_note),
    Route("DELETE", f"{_VERSION}/yank", Verb.WRITE, unyank),
    Route("PUT", f"{_VERSION}/{{filename}}/yank", Verb.WRITE, yank, receive_note),
    Route("DELETE", f"{_VERSION}/{{filename}}/yank", Verb.WRITE, unyank),
    Route("DELETE", _VERSION, Verb.DELETE, delete_version),
)

format = Format(
    name="pypi",
    title="Python packages",
    routes=ROUTES,
    settings=PyPISettings,
    owner=owner,
    write_class=write_class,
    immutable=immutable,
    companion=companion,
    describe=describe,
    fetch=fetch,
    snippets=snippets,
    render_error=render_error,
    statuses=STATUSES,
)
