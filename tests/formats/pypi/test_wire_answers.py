"""The table of exact responses (pypi L): each row is a request and all of its answer that matters."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from artifactd.auth.principal import Verb
from tests.support.distributions import Distribution, wheel
from tests.support.indexes import JSON, Index
from tests.support.upload_forms import Fields, form

FOO, OTHER, NEXT = wheel("foo"), wheel("foo", comment="other"), wheel("foo", "2.0")
FILE = f"packages/foo/{FOO.filename}"


@dataclass(frozen=True, slots=True)
class Row:
    """A request, and what comes back: headers by regular expression, empty for none."""

    method: str
    path: str
    status: int
    expected: Mapping[str, str] = field(default_factory=dict)
    body: bytes | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    who: str = "admin"
    upload: Distribution | None = None
    fields: Fields | None = None


TEXT = {"content-type": "text/plain.*"}
PAGE = {
    "content-type": re.escape(JSON) + ".*",
    "etag": '"[^"]+"',
    "vary": "(?i).*accept.*",
    "cache-control": "no-cache|max-age=[0-9]{1,3}",
}
SERVED = {
    "content-length": str(FOO.size),
    "etag": '"[^"]+"',
    "accept-ranges": "bytes",
    "content-encoding": "",
    "content-type": "application/octet-stream",
}
CHALLENGE = {"www-authenticate": 'Basic realm="[^"]+".*'}

ROWS: Mapping[str, Row] = {
    "L1 a page": Row("GET", "simple/foo/", 200, PAGE, headers={"Accept": JSON}),
    "L3 another spelling": Row("GET", "simple/Foo/", 301, {"location": r"\.\./foo/"}, b""),
    "L4 no slash": Row("GET", "simple/foo", 301, {"location": "foo/"}, b""),
    "L5 no project": Row("GET", "simple/none/", 404, {**TEXT, "cache-control": "no-store"}, ".{5,300}"),
    "L6 a file": Row("GET", FILE, 200, SERVED, FOO.content),
    "L7 its head": Row("HEAD", FILE, 200, SERVED, b""),
    "L8 a part": Row(
        "GET",
        FILE,
        206,
        {"content-range": f"bytes 5-9/{FOO.size}"},
        FOO.content[5:10],
        {"Range": "bytes=5-9"},
    ),
    "L8 past the end": Row(
        "GET", FILE, 416, {"content-range": rf"bytes \*/{FOO.size}"}, None, {"Range": f"bytes={FOO.size}-"}
    ),
    "L9 its metadata": Row(
        "GET",
        f"{FILE}.metadata",
        200,
        {"content-type": "text/plain; charset=utf-8", "content-length": str(len(FOO.metadata))},
        FOO.metadata,
    ),
    "L10 an upload": Row("POST", "", 200, TEXT, "OK\n?", upload=NEXT),
    "L10 the same again": Row("POST", "", 200, TEXT, "OK\n?", upload=FOO),
    "L11 other bytes": Row("POST", "", 400, TEXT, "File already exists.*", upload=OTHER),
    "L12 no credentials": Row("POST", "", 401, {**CHALLENGE, **TEXT}, ".+", who="nobody", upload=FOO),
    "L13 no permission": Row("POST", "", 403, TEXT, ".{10,}", who="reader", upload=FOO),
    "L14 a checksum": Row(
        "POST", "", 400, TEXT, ".*sha256_digest.*", upload=NEXT, fields={"sha256_digest": "0" * 64}
    ),
    "L14 a name": Row("POST", "", 400, TEXT, "(?i).*name.*", upload=NEXT, fields={"name": "other"}),
    "L14 an archive": Row(
        "POST",
        "",
        400,
        TEXT,
        "(?i).*(zip|archive|wheel).*",
        upload=Distribution("foo", "3.0", "foo-3.0-py3-none-any.whl", b"PK\3\4 no more", FOO.metadata),
    ),
    "L16 a page, anonymous": Row("GET", "simple/foo/", 401, {**CHALLENGE, **TEXT}, ".+", who="nobody"),
    "L16 a file, anonymous": Row("GET", FILE, 401, {**CHALLENGE, **TEXT}, ".+", who="nobody"),
    "L16 nothing, anonymous": Row("GET", "simple/none/", 401, {**CHALLENGE, **TEXT}, ".+", who="nobody"),
}


@pytest.fixture
def published(empty: Index) -> Index:
    empty.publish(FOO)
    return empty


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_a_request_is_answered_exactly_so(published: Index, row: Row) -> None:
    client = published.by(None) if row.who == "nobody" else published
    if row.who == "reader":
        client = published.by(published.server.user((published.repository, "**", [Verb.READ])))
    body, headers = (b"", row.headers) if row.upload is None else form(row.upload, row.fields)
    answer = client.request(row.method, row.path, body, headers=headers)
    assert answer.status == row.status, answer
    for name, pattern in row.expected.items():
        assert re.fullmatch(pattern, answer.header(name)), (name, answer.header(name))
    if isinstance(row.body, bytes):
        assert answer.body == row.body
    elif row.body is not None:
        assert re.fullmatch(row.body, answer.text, re.DOTALL), answer.text


def test_l2_a_page_that_the_client_has(published: Index) -> None:
    first = published.page("foo")
    again = published.get("simple/foo/", accept=JSON, if_none_match=first.header("etag"))
    assert (again.status, again.body) == (304, b"")
    for name in ("etag", "vary", "cache-control"):
        assert again.header(name) == first.header(name) != ""
    assert again.header("content-type") in ("", first.header("content-type"))


def test_every_row_of_a_hosted_repository_is_here() -> None:
    rows: Sequence[int] = sorted({int(name.split()[0][1:]) for name in ROWS})
    assert rows == [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16]  # L2 above; L15 is a proxy's
