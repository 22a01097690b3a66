"""What only a registry can complain about. Each class names its code (OCI distribution-spec, "Error
Codes")."""

from typing import ClassVar

from artifactd.plugin import AssetNotFound, InvalidInput


class Refused(InvalidInput):
    """Base of what this format refuses to read."""

    code: ClassVar[str]


class NameInvalid(Refused):
    """Not an OCI `<name>`."""

    code = "NAME_INVALID"


class TagInvalid(Refused):
    """Not a tag, or a tag where none may be."""

    code = "TAG_INVALID"


class TooManyTags(Refused):
    """More tags than one push may move."""

    code = "TAG_INVALID"


class ManifestInvalid(Refused):
    """Not a manifest that could be stored. Some clients try another manifest format on this code, and only
    on this one (docker R63)."""

    code = "MANIFEST_INVALID"


class PageInvalid(Refused):
    """Not a page size."""

    code = "PAGINATION_NUMBER_INVALID"


class ImageNotFound(AssetNotFound):
    """Nothing was ever pushed under the name."""

    message = "image {path!r} is not in repository {repository!r}"
