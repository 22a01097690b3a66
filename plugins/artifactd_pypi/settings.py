"""What a PyPI repository can be told, beside what every repository can."""

from pydantic import Field

from artifactd.plugin import Settings, WriteClass, WritePolicy
from artifactd_pypi.names import PROVENANCE


class PyPISettings(Settings):
    """Settings of a repository of format pypi."""

    write_policy: WritePolicy = WritePolicy.ALLOW_ONCE
    """allow_once: a file name never gets other content, even once it was deleted, as on the index everyone
    knows; allow: files may be replaced; deny: the repository takes no uploads."""

    allow_local_versions: bool = True
    """Whether versions with a local label are taken, such as `2.1+cu118`."""

    normalized_filenames: bool = False
    """Whether file names must be written as new build tools do: the name normalised, with underscores."""

    file_limit: int | None = Field(default=None, ge=1)
    """The largest file in bytes; unlimited by default."""

    simple_path: str = Field(default="simple/", max_length=200, pattern=r"^[A-Za-z0-9._~+/-]*$")
    """Where the pages of a proxy's upstream are, below its URL; not added when the URL ends in it already.
    Empty: they are at the URL itself."""


def immutable(path: str, settings: PyPISettings) -> bool:
    """Files, with their metadata and signatures, where nobody may replace them (pypi R71)."""
    kept = settings.write_policy is not WritePolicy.ALLOW
    return kept and "/." not in path and not path.endswith(PROVENANCE)


def write_class(path: str, settings: PyPISettings) -> WriteClass:
    """Files are published once; what we note about them changes."""
    return WriteClass.REPLACE if "/." in path else WriteClass.ONCE
