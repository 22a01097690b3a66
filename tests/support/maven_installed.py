"""What the installed Maven has configured for itself."""

import re
import zipfile
from pathlib import Path

import pytest

from tests.support.programs import installed

_MIRROR = re.compile(
    r"<mirror>((?:(?!</mirror>).)*<mirrorOf>\s*(?:central|\*)\s*</mirrorOf>.*?)</mirror>", re.DOTALL
)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_URL = re.compile(r"<url>\s*([^<\s]+)\s*</url>")


def central_url() -> str:
    """Where this machine's Maven finds the repository `central`: at the mirror of its settings, else where
    Maven itself says. The test is skipped without either."""
    home = Path(installed("mvn")).resolve().parents[1]
    for settings in (Path.home() / ".m2/settings.xml", home / "conf/settings.xml"):
        if settings.is_file():
            mirror = _MIRROR.search(_COMMENT.sub("", settings.read_text()))
            if mirror is not None and (url := _URL.search(mirror[1])):
                return url[1]
    for jar in home.glob("lib/maven-model-builder-*.jar"):
        with zipfile.ZipFile(jar) as archive:
            text = archive.read("org/apache/maven/model/pom-4.0.0.xml").decode()
        if url := _URL.search(text):
            return url[1]
    pytest.skip("this machine's Maven names no repository `central`")
