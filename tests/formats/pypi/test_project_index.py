"""The index of a project: what `apply` makes of changes is what `build` makes of all that is there."""

import hashlib
from collections.abc import Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from artifactd.blobs.digest import Digest
from artifactd.blobs.store import Blob
from artifactd.catalog.assets import Asset, Change, Keep
from artifactd_pypi.project import Project
from artifactd_pypi.project_index import PROJECTS

NAME = "demo"
FILES = [
    f"demo-{version}{end}" for version in ("1.0", "1.0.0", "2.0", "10.0") for end in (".tar.gz", ".zip")
]
PATHS = [
    *FILES,
    *(f"{name}{end}" for name in FILES[:3] for end in (".asc", ".provenance")),
    *(f".yanked/{what}" for what in ("1", "2", f"1/{FILES[0]}")),
    ".status",
    f".deleted/{FILES[0]}",
]
OF = hashlib.sha256(b"0").hexdigest()


def asset(path: str, content: int, revision: int) -> Asset:
    sha256 = hashlib.sha256(str(content).encode()).hexdigest()
    blob = None if path.startswith(".") else Blob("default", Digest(f"sha256:{sha256}"), 1, "x", {})
    version = path.removeprefix("demo-").removesuffix(".tar.gz").removesuffix(".zip")
    if path.startswith("."):
        attributes = {"reason": str(content), "status": "archived", "sha256": sha256}
    elif path in FILES:
        attributes = {"version": version, "kind": "sdist", "python": "source", "uploaded": content}
    else:
        attributes = {"of": OF}
    return Asset(
        revision, 1, f"{NAME}/{path}", blob, "t", "", attributes, Keep.ALWAYS, 0, None, 0, 0, revision
    )


@given(st.lists(st.tuples(st.sampled_from(PATHS), st.integers(-1, 2)), max_size=25), st.data())
def test_changes_lead_where_building_anew_does(
    edits: Sequence[tuple[str, int]], data: st.DataObject
) -> None:
    live: dict[str, Asset] = {}
    pending: list[Change] = []
    kept = PROJECTS.build(NAME, [])
    for revision, (path, content) in enumerate(edits, 1):
        before = live.pop(path, None)
        if before is not None:
            pending = [each for each in pending if each.asset is not before]
            pending.append(Change(before, retired=True))
        if content >= 0:
            live[path] = asset(path, content, revision)
            pending.append(Change(live[path], retired=False))
        if data.draw(st.booleans()):
            changed = PROJECTS.apply(NAME, kept, sorted(pending, key=lambda each: each.asset.revision))
            assert changed is not None
            kept, pending = changed, []
            assert facts(kept) == facts(PROJECTS.build(NAME, in_order(live)))


def in_order(live: dict[str, Asset]) -> Iterator[Asset]:
    return iter(sorted(live.values(), key=lambda each: each.path))


def facts(project: Project) -> dict[str, object]:
    assert [file.json for file in project.files] == list(project.rows)
    assert sorted(project.by_name) == sorted(file.filename for file in project.files)
    assert [project.by_name[file.filename] for file in project.files] == list(project.files)
    return {
        "files": list(project.files),
        "companions": dict(project.companions),
        "yanks": dict(project.yanks),
        "status": project.status,
        "attested": project.attested,
        "versions": list(project.versions),
    }
