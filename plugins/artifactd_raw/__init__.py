"""Files at paths, as clients put them: the smallest complete format.

Nothing is known about the files, so nothing is derived from them, and no path belongs to a name. What is
shown in browsers is sandboxed: uploads share an origin with the pages where people are signed in.
"""

from artifactd.plugin import Format, Route, Verb, list_folder
from artifactd_raw.files import Encoded, delete_file, get_file, put_file, receive_file
from artifactd_raw.snippets import snippets
from artifactd_raw.upstream import fetch

format = Format(
    name="raw",
    title="Files",
    routes=(
        Route("GET HEAD", "", Verb.READ, list_folder),
        Route("GET HEAD", "{folder:path}/", Verb.READ, list_folder),
        Route("GET HEAD", "{path:path}", Verb.READ, get_file, keyed=True),
        Route("PUT", "{path:path}", Verb.WRITE, put_file, receive_file),
        Route("DELETE", "{path:path}", Verb.DELETE, delete_file),
    ),
    fetch=fetch,
    snippets=snippets,
    statuses={Encoded: 415},
)
