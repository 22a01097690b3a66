"""What a Docker repository can be told, beside what every repository can."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from artifactd.plugin import DAY, Settings, WriteClass
from artifactd_docker.names import COMPONENT, TAGS, kind_of, last_of
from artifactd_docker.namespaces import HOST

SMALLEST_LIMIT = 1 << 22
"""Bytes of a manifest that every registry should take (OCI distribution-spec, "Pushing Manifests")."""


class DockerSettings(Settings):
    """Settings of a repository of format docker. The write policy is about tags."""

    latest_movable: bool = False
    """The tag `latest` may move whatever the write policy says of tags."""

    strict_indexes: bool = False
    """Refuse an index while one of its manifests is missing."""

    manifest_limit: int = Field(default=SMALLEST_LIMIT, ge=SMALLEST_LIMIT, le=1 << 26)
    """The largest manifest in bytes. Manifests are held in memory while they are checked."""

    blob_linger: timedelta = Field(default=DAY, ge=timedelta(0))
    """How long a blob stays that no manifest refers to: at least as long as a push may take."""

    default_namespace: str = Field(default="", pattern=f"^(?:{COMPONENT})?$")
    """What comes before the name of an image that has one component, as some upstreams have it: with
    `library`, `app` and `library/app` are one image."""

    namespaces: tuple[Annotated[str, Field(pattern=f"^{HOST}$")], ...] = ()
    """Registry hosts that this repository stands for at `/v2/` when a request names one, as mirrors'
    clients do with `?ns=`. Of several repositories with the same host the first by name answers."""


def write_class(path: str, settings: DockerSettings) -> WriteClass:
    """Everything is published once; a tag by its write policy, the rest by its digest."""
    movable = settings.latest_movable and kind_of(path) == TAGS and last_of(path) == "latest"
    return WriteClass.REPLACE if movable else WriteClass.ONCE
