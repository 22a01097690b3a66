"""RPM packages: repositories of yum, dnf and zypper, with the repodata that createrepo_c makes.

An asset lies where its URL says. `owners.py` tells what paths mean; `headers.py` reads a package's head,
`package.py` what it says, `fragments.py` makes repodata of it, which is kept with the package;
`publication.py` puts those together into signed sets (`runs.py`, `repomd.py`), into one of all members in a
group (`merging.py`), and takes those of an upstream as they are. Bytes, ranges, rights and the catalog are
the core's. Start at the routes below.
"""

from artifactd.plugin import AssetExists, Format, Generated, Route, Verb, list_folder
from artifactd_rpm.description import describe
from artifactd_rpm.files import delete_file, get_file
from artifactd_rpm.owners import addressed, immutable, owner
from artifactd_rpm.publication import Repodata
from artifactd_rpm.rendering import render_error
from artifactd_rpm.repo_file import get_repo_file
from artifactd_rpm.settings import RpmSettings, write_class
from artifactd_rpm.snippets import snippets
from artifactd_rpm.uploads import post_form, put_file, receive_file, receive_form
from artifactd_rpm.upstream import fetch

format = Format(
    name="rpm",
    title="RPM packages",
    routes=(
        Route("GET HEAD", "", Verb.READ, list_folder),
        Route("GET HEAD", "{folder:path}/", Verb.READ, list_folder),
        Route("GET HEAD", "{name}.repo", Verb.READ, get_repo_file),
        Route("GET HEAD", "{folder:path}/{name}.repo", Verb.READ, get_repo_file),
        Route("GET HEAD", "{path:path}", Verb.READ, get_file, keyed=True),
        Route("POST", "", Verb.WRITE, post_form, receive_form),
        Route("POST", "{folder:path}/", Verb.WRITE, post_form, receive_form),
        Route("PUT", "{path:path}", Verb.WRITE, put_file, receive_file),
        Route("DELETE", "{path:path}", Verb.DELETE, delete_file),
    ),
    settings=RpmSettings,
    owner=owner,
    write_class=write_class,
    immutable=immutable,
    addressed=addressed,
    describe=describe,
    fetch=fetch,
    publications=(Repodata(),),
    snippets=snippets,
    render_error=render_error,
    statuses={Generated: 400, AssetExists: 400},
)
