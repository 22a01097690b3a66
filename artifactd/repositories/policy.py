"""What may be written where: pure decisions."""

from enum import StrEnum


class WritePolicy(StrEnum):
    """What a hosted repository lets clients do with paths it decides about (`WriteClass.ONCE`)."""

    ALLOW = "allow"
    ALLOW_ONCE = "allow_once"
    DENY = "deny"


class WriteClass(StrEnum):
    """How a format sees a path. ONCE: published once, so the write policy decides about other bytes.
    REPLACE: meant to change, like a snapshot or a tag declared movable."""

    ONCE = "once"
    REPLACE = "replace"


def replaceable(policy: WritePolicy, write_class: WriteClass) -> bool:
    """Whether a path that holds bytes may get other ones."""
    return write_class is WriteClass.REPLACE or policy is WritePolicy.ALLOW
