"""What people are told to write where."""

from xml.etree import ElementTree

import pytest

from artifactd.plugin import SnippetContext
from artifactd_maven.snippets import snippets

URL = "https://packages.example/repository/maven-all/"


@pytest.mark.parametrize("url", [URL, URL.replace("https", "http")])
def test_every_client_is_told_the_address(url: str) -> None:
    told = snippets(SnippetContext("maven-all", url))
    assert {snippet.client for snippet in told} == {"maven", "gradle", "sbt", "curl"}
    for snippet in told:
        assert url in snippet.text
        if snippet.place.endswith(".xml"):
            ElementTree.fromstring(snippet.text)  # it is well-formed
        braces = snippet.text.count("{"), snippet.text.count("}")
        assert braces[0] == braces[1]


def test_clients_that_want_to_be_told_are_told_that_a_connection_is_open() -> None:
    for url, insecure in ((URL, False), (URL.replace("https", "http"), True)):
        text = "\n".join(snippet.text for snippet in snippets(SnippetContext("maven-all", url)))
        assert ("isAllowInsecureProtocol = true" in text) == insecure
        assert ("withAllowInsecureProtocol(true)" in text) == insecure
