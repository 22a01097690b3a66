"""Pages in HTML as many servers make them, and pages that are no index's (pypi R41, R140)."""

import time
from collections.abc import Mapping

import pytest

from artifactd.errors import UpstreamInvalid
from artifactd_pypi.project import State, Status
from tests.support.upstream_pages import ANSWERED, SHA, html, parsed

WHEEL = "demo-1.0-py3-none-any.whl"

SERVERS: Mapping[str, str] = {
    "the oldest": f'<a href="{WHEEL}">{WHEEL}</a><br/>',
    "capitals": f'<A HREF="{WHEEL}">{WHEEL}</A>',
    "no quotes": f"<a href={WHEEL}>{WHEEL}</a>",
    "single quotes": f"<a rel='internal' href='../../packages/{WHEEL}#sha256={SHA}'>x</a>",
    "lines within a tag": f'<a\n  href\n=\n"{WHEEL}"\n>x</a>',
    "a folder of nginx": (
        "<html><head><title>Index of /demo/</title></head><body><h1>Index of /demo/</h1><hr><pre>"
        f'<a href="../">../</a>\n<a href="{WHEEL}">{WHEEL}</a>   01-Jan-2024 00:00   17\n</pre><hr></body>'
    ),
    "a folder of Apache's": (
        '<table><tr><th><a href="?C=N;O=D">Name</a></th></tr><tr><td><a href="/">Parent</a></td></tr>'
        f'<tr><td><a href="{WHEEL}">{WHEEL}</a></td></tr></table>'
    ),
    "encoded": '<a href="demo-1%2E0-py3-none-any.whl">x</a>',
    "a comment before": f'<!-- <a href="demo-9.zip">x</a> --><a href="{WHEEL}">x</a>',
    "scripts": f"<script>\"<a href='demo-9.zip'>\"</script><style>a>b{{}}</style><a href='{WHEEL}'>x</a>",
    "an entity in the address": f'<a href="/f?a=1&amp;b=2/{WHEEL}">no</a><a href="/a&#47;{WHEEL}?x&amp;y">',
    "an attribute twice": f'<a href="{WHEEL}" href="demo-9.zip">x</a>',
    "other anchors": f'<a name="top"><a href=""><a href="#x"><a href="mailto:a@b.c"><a href="{WHEEL}">',
    "what is nothing": f'< a>1 < 2</>&<a href="{WHEEL}"/>',
}


@pytest.mark.parametrize("server", SERVERS)
def test_pages_of_any_server_are_read(server: str) -> None:
    project = parsed(SERVERS[server].encode(), "text/html; charset=utf-8")
    assert [each.filename for each in project.files] == [WHEEL]
    assert project.api_version == "1.0"  # pypi R41


def test_what_attributes_say_is_read() -> None:
    # pypi R43 to R45, R52, R72
    [found] = parsed(
        html(
            f'<a href="/f/{WHEEL}#sha256={SHA.upper()}&amp;egg=demo" data-requires-python="&gt;=3.7,&lt;4"'
            f' data-dist-info-metadata="sha256={SHA}" data-core-metadata="sha256={SHA[::-1]}"'
            ' data-yanked="&quot;&#62;&lt;script&gt;" data-gpg-sig="true"'
            f' data-provenance="/integrity/{WHEEL}/provenance">x</a>'
        )
    ).files
    assert found.hashes == {"sha256": SHA}
    assert found.requires_python == ">=3.7,<4"
    assert found.metadata == {"sha256": SHA[::-1]}
    assert found.yanked == '"><script>'
    assert found.signed is True
    assert found.attested
    assert found.origin is not None
    assert found.origin.url == f"http://u.example/f/{WHEEL}"
    assert found.origin.provenance == f"http://u.example/integrity/{WHEEL}/provenance"
    assert (found.size, found.upload_time) == (None, None)


FLAGS: Mapping[str, tuple[str | None, Mapping[str, str] | None, bool | None]] = {
    "": (None, None, None),
    "data-yanked": ("", None, None),
    'data-yanked=""': ("", None, None),
    'data-core-metadata="true"': (None, {}, None),
    'data-core-metadata="True"': (None, {}, None),
    'data-core-metadata="false"': (None, None, None),
    "data-core-metadata": (None, None, None),
    'data-dist-info-metadata="true"': (None, {}, None),
    'data-core-metadata="sha256=not hex"': (None, {}, None),
    'data-gpg-sig="false"': (None, None, False),
    'data-gpg-sig="maybe"': (None, None, None),
    'data-requires-python=""': (None, None, None),
}


@pytest.mark.parametrize("attribute", FLAGS)
def test_flags_are_read(attribute: str) -> None:
    # pypi R44, R45
    [found] = parsed(html(f'<a href="{WHEEL}" {attribute}>x</a>')).files
    assert (found.yanked, found.metadata, found.signed) == FLAGS[attribute]
    assert found.requires_python is None


@pytest.mark.parametrize("name", ["md5", "sha1", "sha224", "sha384", "sha512"])
def test_older_and_longer_hashes_are_kept(name: str) -> None:
    [found] = parsed(html(f'<a href="{WHEEL}#{name}=ab12">x</a>')).files  # pypi R142
    assert found.hashes == {name: "ab12"}
    assert f'{WHEEL}#{name}=ab12"' in found.html.decode()


@pytest.mark.parametrize("base", ["https://cdn.example/a/", "//cdn.example/a/", "/a/", "../../../a/"])
def test_a_page_may_say_what_it_is_relative_to(base: str) -> None:
    head = f'<base href="{base}"><base href="http://second.example/">'
    [found] = parsed(html(f'<a href="../b/{WHEEL}">x</a>', head)).files
    assert found.origin is not None
    assert found.origin.url.endswith(f"example/b/{WHEEL}")
    assert "second" not in found.origin.url


def test_the_base_holds_for_anchors_before_it() -> None:
    [found] = parsed(html(f'<a href="{WHEEL}">x</a><base href="/a/">')).files
    assert found.origin is not None
    assert found.origin.url == f"http://u.example/a/{WHEEL}"


def test_a_base_that_leads_nowhere_is_none() -> None:
    [found] = parsed(html(f'<base href="javascript:x"><a href="{WHEEL}">x</a>')).files
    assert found.origin is not None
    assert found.origin.url == f"{ANSWERED}{WHEEL}"


def test_the_status_is_read() -> None:
    head = (
        '<meta name="pypi:repository-version" content="1.4"><meta charset="utf-8">'
        '<meta name="pypi:project-status" content="archived">'
        '<meta name="pypi:project-status-reason" content="a &lt;b&gt; \u00e4">'
    )
    assert parsed(html("", head)).status == Status(State.ARCHIVED, "a <b> \u00e4")  # pypi R53


@pytest.mark.parametrize("charset", ["iso-8859-1", '"ISO-8859-1"', "Windows-1252; x=y"])
def test_a_page_may_be_latin(charset: str) -> None:
    body = html(f'<a href="{WHEEL}" data-yanked="\u00fc">x</a>').decode().encode("latin-1")
    [found] = parsed(body, f"text/html; charset={charset}").files
    assert found.yanked == "\u00fc"


EMPTY: Mapping[str, str] = {
    "by its version": '<meta name="pypi:repository-version" content="1.0">',
    "as most are called": "<title>Links for demo</title><h1>Links for demo</h1>",
    "as devpi's are called": "<title>root/dev: links for demo</title><h1>root/dev: links for demo</h1>",
    "as old ones were called": "<title>Simple Package Index</title>",
    "a folder of nginx": '<title>Index of /demo/</title><h1>Index of /demo/</h1><a href="../">../</a>',
    "a folder of Python's": "<title>Directory listing for /demo/</title>",
}


@pytest.mark.parametrize("what", EMPTY)
def test_an_index_may_have_nothing(what: str) -> None:
    # pypi R56, R140
    project = parsed(EMPTY[what].encode(), "text/html")
    assert (list(project.files), list(project.versions)) == ([], [])


NO_INDEX: Mapping[str, str] = {
    "nothing": "",
    "a login page": '<title>Sign in</title><form><input name="user"><input type="password"></form>',
    "one with a download": f'<input type=password><a href="/client/{WHEEL}">Download our client</a>',
    "a page that moves on": '<meta http-equiv="refresh" content="0; url=/sso"><a href="/sso">Continue</a>',
    "an application": '<title>Artifacts</title><div id="app"></div><script src="/app.js"></script>',
    "an error": "<html><head><title>502 Bad Gateway</title></head><body><h1>502</h1></body></html>",
    "what never ends": f'<title>Links <!-- <a href="{WHEEL}">',
    "a tag that never ends": f'<a href="{WHEEL}" ',
    "a script that never ends": f'<script><a href="{WHEEL}">',
}


@pytest.mark.parametrize("what", NO_INDEX)
def test_a_page_that_is_no_index_is_not_an_empty_one(what: str) -> None:
    # pypi R140: installers would look no further
    with pytest.raises(UpstreamInvalid, match="log in"):
        parsed(NO_INDEX[what].encode(), "text/html")


NEVER_ENDING = [
    *(
        "<",
        "<!--",
        "<!x",
        "<?",
        "</a ",
        "<a ",
        "<a href='",
        '<a href="',
        "<a x=",
        "<script>",
        "<title>",
        "&",
    ),
    *("<a \t", "<a////", "<a ==", "<![CDATA["),
]


@pytest.mark.parametrize("piece", NEVER_ENDING)
def test_no_page_takes_long(piece: str) -> None:
    body = (piece * 1_000_000)[: 1 << 20].encode()
    begun = time.thread_time()
    with pytest.raises(UpstreamInvalid):
        parsed(body, "text/html")
    assert time.thread_time() - begun < 10, "html.parser would take an hour"
