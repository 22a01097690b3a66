"""Maven artifacts: the Maven 2 repository layout as Maven's resolver, Gradle, sbt, Ivy and coursier use it.

A file lies at the path that the layout gives it (`layout.py`), and belongs to its artifact's directory.
What clients put beside files is not stored: checksums are compared, `maven-metadata.xml` announces
(`signals.py`). What is served of both is made of the files that are here: checksums by the core, metadata
from indexes of versions, builds and plugins (`listings.py`). Metadata of upstreams is read into the same
model (`metadata.py`), and sent on word for word where it stands alone. Bytes, ranges, rights and the
catalog are the core's. Start at the routes below.
"""

from artifactd.plugin import Format, Route, Starter, Verb, list_folder
from artifactd_maven.deleting import delete_folder, delete_path
from artifactd_maven.describing import describe
from artifactd_maven.layout import companion, owned_as, owner
from artifactd_maven.reading import get_path
from artifactd_maven.rendering import STATUSES, render_error
from artifactd_maven.settings import MavenSettings, immutable, write_class
from artifactd_maven.snippets import snippets
from artifactd_maven.uploads import put_path, receive_path
from artifactd_maven.upstream import fetch

ROUTES = (
    Route("GET HEAD", "", Verb.READ, list_folder),
    Route("GET HEAD", "{folder:path}/", Verb.READ, list_folder),
    Route("GET HEAD", "archetype-catalog.xml", Verb.READ, get_path),
    Route("GET HEAD", "archetype-catalog.xml.{algorithm}", Verb.READ, get_path),
    # These may be made of many rows; all others take a few keyed reads.
    Route("GET HEAD", "{folder:path}/maven-metadata.xml", Verb.READ, get_path),
    Route("GET HEAD", "{folder:path}/maven-metadata.xml.{algorithm}", Verb.READ, get_path),
    Route("GET HEAD", "{version:path}-SNAPSHOT/{file}", Verb.READ, get_path),
    Route("GET HEAD", "{path:path}", Verb.READ, get_path, keyed=True),
    Route("PUT", "{path:path}", Verb.WRITE, put_path, receive_path),
    Route("DELETE", "{folder:path}/", Verb.DELETE, delete_folder),
    Route("DELETE", "{path:path}", Verb.DELETE, delete_path),
)

format = Format(
    name="maven",
    title="Maven artifacts",
    routes=ROUTES,
    settings=MavenSettings,
    owner=owner,
    owned_as=owned_as,
    write_class=write_class,
    immutable=immutable,
    companion=companion,
    describe=describe,
    fetch=fetch,
    starters=(
        Starter("maven-releases", {"version_policy": "release"}),
        Starter("maven-snapshots", {"version_policy": "snapshot"}),
        Starter("maven", members=("maven-releases", "maven-snapshots")),
    ),
    snippets=snippets,
    render_error=render_error,
    statuses=STATUSES,
)
