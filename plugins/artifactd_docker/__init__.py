"""Docker and OCI images (OCI distribution-spec 1.1), at `/v2/` and the token service `/auth/token`.

A manifest, a blob and a tag are assets of the image (`names.py`); a tag refers to its manifest, a manifest
to its blobs, and that is what keeps them. Tags and referrers are indexes. Bytes, ranges, rights and the
catalog are the core's. What a proxy asks for is in `upstream.py`. Start at the routes below.
"""

from artifactd.plugin import Format, Route, Verb
from artifactd_docker.catalog import check_version, list_all_images, list_images
from artifactd_docker.delete import delete_blob, delete_manifest
from artifactd_docker.location import BASE, CATALOG, TOKEN, locate
from artifactd_docker.manifests import describe
from artifactd_docker.names import owner
from artifactd_docker.namespaces import entry_of
from artifactd_docker.pull import get_blob, get_manifest, head_blob
from artifactd_docker.push import put_manifest, receive_manifest
from artifactd_docker.referrers import list_referrers
from artifactd_docker.rendering import STATUSES, challenge, render_error
from artifactd_docker.settings import DockerSettings, write_class
from artifactd_docker.snippets import snippets
from artifactd_docker.tags import list_tags
from artifactd_docker.tokens import get_token, refuse_oauth
from artifactd_docker.uploads import (
    add_chunk,
    cancel,
    end,
    receive_chunk,
    receive_end,
    receive_start,
    start,
    status,
)
from artifactd_docker.upstream import canonical, fetch, is_addressed, is_immutable

_MANIFEST = "{image:path}/manifests/{reference}"
_BLOB = "{image:path}/blobs/{digest}"
_UPLOADS = "{image:path}/blobs/uploads"
_UPLOAD = "{image:path}/blobs/uploads/{upload}"

ROUTES = (
    Route("GET HEAD", _MANIFEST, Verb.READ, get_manifest, keyed=True),
    Route("PUT", _MANIFEST, Verb.WRITE, put_manifest, receive_manifest),
    Route("DELETE", _MANIFEST, Verb.DELETE, delete_manifest),
    Route("GET", _BLOB, Verb.READ, get_blob, keyed=True),
    Route("HEAD", _BLOB, Verb.READ, head_blob),
    Route("DELETE", _BLOB, Verb.DELETE, delete_blob),
    Route("POST", f"{_UPLOADS}/", Verb.WRITE, start, receive_start),
    Route("POST", _UPLOADS, Verb.WRITE, start, receive_start),
    Route("PATCH", _UPLOAD, Verb.WRITE, add_chunk, receive_chunk),
    Route("PUT", _UPLOAD, Verb.WRITE, end, receive_end),
    Route("GET HEAD", _UPLOAD, Verb.WRITE, status),
    Route("DELETE", _UPLOAD, Verb.WRITE, cancel),
    Route("GET HEAD", "{image:path}/tags/list", Verb.READ, list_tags),
    Route("GET HEAD", "{image:path}/referrers/{digest}", Verb.READ, list_referrers),
    Route("GET HEAD", CATALOG, Verb.READ, list_images),  # where the entry point stands for one repository
    Route("GET HEAD", CATALOG, None, list_all_images, scope="format"),
    Route("GET HEAD", BASE, None, check_version, scope="format"),
    Route("GET HEAD", f"{BASE}/", None, check_version, scope="format"),
    Route("GET", TOKEN, None, get_token, scope="format"),
    Route("POST", TOKEN, None, refuse_oauth, scope="format"),
)

format = Format(
    name="docker",
    title="Docker and OCI images",
    routes=ROUTES,
    settings=DockerSettings,
    mounts=(BASE, TOKEN),
    locate=locate,
    owner=owner,
    write_class=write_class,
    immutable=is_immutable,
    addressed=is_addressed,
    describe=describe,
    fetch=fetch,
    canonical=canonical,
    entry=entry_of,
    snippets=snippets,
    challenge=challenge,
    render_error=render_error,
    statuses=STATUSES,
)
