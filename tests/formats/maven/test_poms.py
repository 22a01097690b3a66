"""POMs, and jars of plugins: what is found in them, and what they cannot do (maven R9, R54, R80, T11)."""

import io
import zipfile

import pytest

from artifactd.plugin import InvalidInput
from artifactd_maven.describing import describe
from artifactd_maven.errors import PomMismatch
from artifactd_maven.layout import Gav
from artifactd_maven.plugin_jars import DESCRIPTOR, LARGEST_DESCRIPTOR, read_plugin
from artifactd_maven.poms import LARGEST, LONGEST_FACT, Pom, check_pom, parse_pom

GAV = Gav("com.ex", "lib", "1.0", "", "pom")


def pom(inner: str, *, xmlns: str = "urn:pom:4.0.0") -> bytes:
    return f'<?xml version="1.0"?><project xmlns="{xmlns}">{inner}</project>'.encode()


def gav(group: str = "com.ex", artifact: str = "lib", version: str = "1.0") -> str:
    return f"<groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>"


def test_a_pom_says_what_it_is_of() -> None:
    said = parse_pom(
        pom(
            f"<modelVersion>4.0.0</modelVersion>{gav()}<packaging>war</packaging>"
            "<name> A\n lib </name><description>It\u0009is</description><url>x</url>"
            f"<dependencies><dependency>{gav('other', 'thing', '9')}</dependency></dependencies>"
        )
    )
    assert said == Pom("com.ex", "lib", "1.0", "war", "A lib", "It is", "x")
    check_pom(said, GAV)


@pytest.mark.parametrize(
    "inner",
    [
        f"<parent>{gav('com.ex', 'parent', '1.0')}</parent><artifactId>lib</artifactId>",  # inherited
        f"<parent>{gav('other', 'parent', '7')}</parent>{gav()}",
        gav(version="${revision}"),  # maven R54: only a build knows
        gav(version="1.${minor}", group="${project.parent.groupId}"),
        "<artifactId>lib</artifactId>",  # maven R9: inferred by Maven 4
        f"<modelVersion>4.2.0</modelVersion><subprojects/>{gav()}<future/>",  # maven R9
        "",
    ],
)
def test_what_a_pom_leaves_to_others_is_believed(inner: str) -> None:
    for xmlns in ("urn:pom:4.0.0", "urn:pom:4.1.0", ""):
        check_pom(parse_pom(pom(inner, xmlns=xmlns)), GAV)


@pytest.mark.parametrize(
    ("inner", "element"),
    [
        (gav(group="com.evil"), "groupId"),
        (gav(artifact="other"), "artifactId"),
        (gav(version="1.1"), "version"),
        (f"<parent>{gav('com.ex', 'parent', '2')}</parent><artifactId>lib</artifactId>", "version"),
    ],
)
def test_a_pom_of_something_else_is_none_of_this(inner: str, element: str) -> None:
    # maven R54
    with pytest.raises(PomMismatch, match=f"the POM says its {element} is '.*', its path '"):
        check_pom(parse_pom(pom(inner)), GAV)


def test_the_pom_of_a_build_says_the_version_of_its_snapshot() -> None:
    build = Gav("com.ex", "lib", "1.1-SNAPSHOT", "", "pom", "20261123.175820-1")
    for version in ("1.1-SNAPSHOT", "1.1-20261123.175820-1"):
        check_pom(parse_pom(pom(gav(version=version))), build)
    with pytest.raises(PomMismatch):
        check_pom(parse_pom(pom(gav(version="1.1"))), build)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not well-formed|no element"),
        (b"not xml", "well-formed"),
        (b"<metadata/>", "root element <metadata>"),
        (pom("<name>&eacute;</name>"), "well-formed"),
        (b'<!DOCTYPE project [<!ENTITY e "x">]>' + pom("&e;"), "well-formed|document type"),
        (b'<!DOCTYPE p [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><project>&b;</project>', "document type"),
        (b'<!DOCTYPE p SYSTEM "http://127.0.0.1:9/x.dtd"><project/>', "document type"),
        (b'<!DOCTYPE p [<!ENTITY % x SYSTEM "file:///dev/zero"> %x;]><project/>', "document type"),
        (pom("<a>" * 200 + "</a>" * 200), "deep"),
        (b"<project>" + b" " * LARGEST + b"</project>", "bytes"),
    ],
)
def test_what_is_no_pom_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    # maven T11
    with pytest.raises(InvalidInput, match=reason):
        parse_pom(data)


def test_long_facts_are_cut_and_nothing_unprintable_is_kept() -> None:
    said = parse_pom(pom(f"<description>{'x' * 10_000}</description><name>a\u0085b</name>"))
    assert len(said.description) == LONGEST_FACT
    assert said.name == "a b"


def plugin_jar(descriptor: bytes, *, method: int = zipfile.ZIP_DEFLATED, name: str = DESCRIPTOR) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as jar:
        for entry, content in (("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\n"), (name, descriptor)):
            info = zipfile.ZipInfo(entry)
            info.compress_type = method
            jar.writestr(info, content)
    return buffer.getvalue()


PLUGIN = (
    b"<plugin><name>An X</name><groupId>com.ex</groupId><artifactId>x-maven-plugin</artifactId>"
    b"<version>1</version><goalPrefix>x</goalPrefix></plugin>"
)


def test_a_plugin_has_the_prefix_that_its_descriptor_says() -> None:
    # maven R80
    for jar in (plugin_jar(PLUGIN), b"#!/bin/sh\n" + plugin_jar(PLUGIN), plugin_jar(PLUGIN) + b""):
        found = read_plugin(io.BytesIO(jar))
        assert found is not None
        assert (found.artifact, found.prefix, found.name) == ("x-maven-plugin", "x", "An X")
    described = describe("com/ex/x-maven-plugin/1/x-maven-plugin-1.jar", "", io.BytesIO(plugin_jar(PLUGIN)))
    assert described.attributes == {"prefix": "x", "plugin_name": "An X"}
    assert described.label == "1"


@pytest.mark.parametrize(
    "jar",
    [
        b"",
        b"no jar at all",
        plugin_jar(b"<html/>"),
        plugin_jar(b"<plugin/>"),
        plugin_jar(PLUGIN.replace(b">x<", b">../x y<")),
        plugin_jar(PLUGIN, name="META-INF/other.xml"),
        plugin_jar(b"<!DOCTYPE x><plugin/>"),
        plugin_jar(b"<plugin>" + b" " * LARGEST_DESCRIPTOR + b"</plugin>"),
        plugin_jar(PLUGIN)[:-30],
        plugin_jar(PLUGIN, method=zipfile.ZIP_STORED).replace(b"goalPrefix", b"goalprefix"),
        b"PK\x05\x06" + b"\xff" * 18,
        plugin_jar(PLUGIN)[:-22] + b"PK\x06\x07" + b"\0" * 16 + plugin_jar(PLUGIN)[-22:],
        DESCRIPTOR.encode() + b"PK\x05\x06" + b"\0" * 8 + b"\x18\0\0\0" + b"\0" * 6,
    ],
    ids=range(13),
)
def test_what_is_no_jar_of_a_plugin_has_no_prefix(jar: bytes) -> None:
    assert read_plugin(io.BytesIO(jar)) is None


def test_facts_are_found_in_files_of_the_layout_only() -> None:
    assert describe("site/index.html", "", io.BytesIO(b"")).coordinates is None
    signature = describe("com/ex/lib/1.0/lib-1.0.pom.asc", "", io.BytesIO(b"sig"))
    assert signature.coordinates is not None
    assert signature.attributes == {}
    build = describe("com/ex/lib/1.0/lib-1.0-build.pom", "", io.BytesIO(pom(gav("x", "y", "z"))))
    assert build.attributes == {}  # maven R9
    with pytest.raises(InvalidInput):
        describe("com/ex/lib/1.0/lib-1.0-build.pom", "", io.BytesIO(b"<!DOCTYPE p><project/>"))
