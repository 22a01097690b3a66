"""An edit through a group: what it requires, and only another member has, is mounted first."""

from collections.abc import Callable

from artifactd.catalog.assets import Asset
from artifactd.catalog.edit import Edit, Put, RecordedEdit


def mount_first(edit: Edit, elsewhere: Callable[[str], Asset | None]) -> None:
    """Have an edit of a group's writable member, whose recording has ended, begin with what it requires:
    `elsewhere` gives what other members have and that one has not. Raises what `Edit.link` does."""
    assert isinstance(edit, RecordedEdit), "the writable member is hosted"
    recorded = list(edit.operations)
    puts = [operation for operation in recorded if isinstance(operation, Put)]
    required = {each.path: None for put in puts for each in put.references if each.required}
    edit.operations.clear()
    for path in required:
        if all(put.path != path for put in puts) and (source := elsewhere(path)) is not None:
            edit.link(path, source)
    edit.operations += recorded
