"""Images, tags and references, and the asset paths made of them.

What OCI calls a *repository name* is an **image** here: `repository` is ours. Asset paths are
`<image>/blobs/<digest>`, `<image>/manifests/<digest>` and `<image>/tags/<tag>`; a proxy keeps the lists of
its upstream at `<image>/tags/.list` and `<image>/referrers/<digest>`. Paths are read from the right only:
an image may be called `a/manifests/b` (docker R6).
"""

import re
from typing import Final, NewType

from artifactd.plugin import Digest, algorithm_of, hex_of, parse_digest
from artifactd_docker.errors import NameInvalid, TagInvalid

ImageName = NewType("ImageName", str)
"""Made only by `image_name`."""

Tag = NewType("Tag", str)
"""Made only by `parse_tag`."""

LONGEST_NAME = 255
"""Characters of `host/name` that every client takes (OCI distribution-spec, "Pulling manifests")."""

BLOBS: Final = "blobs"
MANIFESTS: Final = "manifests"
TAGS: Final = "tags"
REFERRERS: Final = "referrers"

TAG_LIST: Final = ".list"
"""Stands where a tag does in the path of the list of tags. No tag begins with a dot."""

COMPONENT: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
"""What stands between the slashes of an image's name, as a regular expression."""

_IMAGE = re.compile(f"{COMPONENT}(?:/{COMPONENT})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")


def image_name(text: str) -> ImageName:
    """`text` as the name of an image. Raises NameInvalid."""
    if len(text) > LONGEST_NAME or not _IMAGE.fullmatch(text):
        raise NameInvalid(
            f"{text!r} cannot name an image: use up to {LONGEST_NAME} lower-case letters, digits and single"
            " separators (. _ __ -) between them, in components separated by slashes"
        )
    return ImageName(text)


def is_tag(text: str) -> bool:
    """Whether `text` could be a tag."""
    return _TAG.fullmatch(text) is not None


def parse_tag(text: str) -> Tag:
    """`text` as a tag; case counts. Raises TagInvalid."""
    if not is_tag(text):
        raise TagInvalid(
            f"{text!r} is not a tag: use up to 128 letters, digits, dots, dashes and underscores, not"
            " beginning with a dot or dash"
        )
    return Tag(text)


def parse_reference(text: str) -> Digest | Tag:
    """What stands behind `/manifests/`: with a colon a digest, else a tag. Raises InvalidDigest,
    TagInvalid."""
    return parse_digest(text) if is_digest(text) else parse_tag(text)


def is_digest(reference: str) -> bool:
    """Whether a reference is meant as a digest: no tag holds a colon."""
    return ":" in reference


def blob_path(image: ImageName, digest: Digest) -> str:
    return f"{image}/{BLOBS}/{digest}"


def manifest_path(image: ImageName, digest: Digest) -> str:
    return f"{image}/{MANIFESTS}/{digest}"


def tag_path(image: ImageName, tag: Tag) -> str:
    return f"{tags_prefix(image)}{tag}"


def tag_list_path(image: ImageName) -> str:
    return f"{tags_prefix(image)}{TAG_LIST}"


def referrers_path(image: ImageName, digest: Digest) -> str:
    return f"{image}/{REFERRERS}/{digest}"


def tags_prefix(image: ImageName) -> str:
    """What the paths of an image's tags begin with."""
    return f"{image}/{TAGS}/"


def referrers_tag(digest: Digest) -> Tag:
    """The tag under which clients without the referrers API list what refers to a manifest (OCI
    distribution-spec, "Referrers Tag Schema")."""
    return Tag(f"{algorithm_of(digest)[:32]}-{hex_of(digest)[:64]}")


def owner(path: str) -> str | None:
    """The image that an asset path belongs to."""
    image, kind, _ = _split(path)
    return image if kind in (BLOBS, MANIFESTS, TAGS, REFERRERS) else None


def kind_of(path: str) -> str:
    """Whether an asset path is one of blobs, manifests, tags or referrers."""
    return _split(path)[1]


def last_of(path: str) -> str:
    """The digest, tag or TAG_LIST that an asset path ends in."""
    return _split(path)[2]


def _split(path: str) -> tuple[str, str, str]:
    above, _, last = path.rpartition("/")
    image, _, kind = above.rpartition("/")
    return image, kind, last
