"""What a package provides, requires, and has to do with others, as repodata lists it (rpm R45, R46)."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from artifactd_rpm.evr import compare_versions
from artifactd_rpm.headers import Header, PackageInvalid
from artifactd_rpm.tags import BEFORE_INSTALL, COMPARISON, Sense, Tag
from artifactd_rpm.text import clean

_LIBC: Final = re.compile(r"libc\.so\.6(?:\((?:GLIBC_([0-9.]+))?\)(?:\(64bit\))?)?")
_LOW_BITS: Final = 0xF


@dataclass(frozen=True, slots=True)
class Dependency:
    """A line of a list. `comparison` is empty when no version is meant; then the rest is empty too.
    `before_install`: it must be there when the package's scripts run."""

    name: str
    comparison: str = ""
    epoch: str = ""
    version: str = ""
    release: str = ""
    before_install: bool = False


@dataclass(frozen=True, slots=True)
class Dependencies:
    """All lists of a package."""

    provides: Sequence[Dependency]
    requires: Sequence[Dependency]
    conflicts: Sequence[Dependency]
    obsoletes: Sequence[Dependency]
    suggests: Sequence[Dependency]
    enhances: Sequence[Dependency]
    recommends: Sequence[Dependency]
    supplements: Sequence[Dependency]


def read_dependencies(main: Header, files: Collection[str]) -> Dependencies:
    """The lists that a header has. `files`: paths of the package that other packages' clients will know of.
    Raises PackageInvalid."""
    provides = [each for each, _ in _read(main, Tag.PROVIDENAME, Tag.PROVIDEVERSION, Tag.PROVIDEFLAGS)]
    requires, wished = _requires(main, frozenset(provides), files)
    recommends = _simple(main, Tag.RECOMMENDNAME, Tag.RECOMMENDVERSION, Tag.RECOMMENDFLAGS)
    suggests = _simple(main, Tag.SUGGESTNAME, Tag.SUGGESTVERSION, Tag.SUGGESTFLAGS)
    supplements = _simple(main, Tag.SUPPLEMENTNAME, Tag.SUPPLEMENTVERSION, Tag.SUPPLEMENTFLAGS)
    enhances = _simple(main, Tag.ENHANCENAME, Tag.ENHANCEVERSION, Tag.ENHANCEFLAGS)
    # Before rpm 4.12 a flag told the strong ones from the weak ones.
    for each, flags in _read(main, Tag.OLDSUGGESTSNAME, Tag.OLDSUGGESTSVERSION, Tag.OLDSUGGESTSFLAGS):
        (recommends if flags & Sense.STRONG else suggests).append(each)
    for each, flags in _read(main, Tag.OLDENHANCESNAME, Tag.OLDENHANCESVERSION, Tag.OLDENHANCESFLAGS):
        (supplements if flags & Sense.STRONG else enhances).append(each)
    return Dependencies(
        provides=provides,
        requires=requires,
        conflicts=_simple(main, Tag.CONFLICTNAME, Tag.CONFLICTVERSION, Tag.CONFLICTFLAGS),
        obsoletes=_simple(main, Tag.OBSOLETENAME, Tag.OBSOLETEVERSION, Tag.OBSOLETEFLAGS),
        suggests=suggests,
        enhances=enhances,
        recommends=[*wished, *recommends],
        supplements=supplements,
    )


def _requires(
    main: Header, provides: Collection[Dependency], files: Collection[str]
) -> tuple[list[Dependency], list[Dependency]]:
    """What is required, and what is only wished for. Left out is what says nothing to a client: features of
    rpm itself, what the package has itself, and all versions of the C library's symbols but the highest."""
    requires: list[Dependency] = []
    wished: list[Dependency] = []
    libc: Dependency | None = None
    highest = ""
    before: dict[str, Dependency] = {}
    for plain, flags in _read(main, Tag.REQUIRENAME, Tag.REQUIREVERSION, Tag.REQUIREFLAGS):
        name = plain.name
        if name.startswith("rpmlib(") or name in files or plain in provides:
            continue
        each = Dependency(
            name,
            plain.comparison,
            plain.epoch,
            plain.version,
            plain.release,
            bool(flags & BEFORE_INSTALL),
        )
        if before.get(name) == each:
            continue
        before[name] = each
        if symbols := _LIBC.fullmatch(name):
            version = symbols[1] or ""
            if libc is None or compare_versions(version, highest) > 0:
                libc, highest = each, version
        elif flags & Sense.MISSINGOK:
            wished.append(each)
        else:
            requires.append(each)
    if libc is not None:
        requires.append(libc)
    return requires, wished


def _simple(main: Header, name: Tag, version: Tag, flags: Tag) -> list[Dependency]:
    return [each for each, _ in _read(main, name, version, flags)]


def _read(main: Header, name: Tag, version: Tag, flags: Tag) -> Iterator[tuple[Dependency, int]]:
    """A list as it is written, with the flags of each line."""
    names, versions, bits = main.strings(name), main.strings(version), main.integers(flags)
    if len(versions) not in (0, len(names)) or len(bits) not in (0, len(names)):
        raise PackageInvalid(f"the package's {name.name.removesuffix('NAME').lower()} do not fit together")
    for number, each in enumerate(names):
        sense = bits[number] if bits else 0
        comparison = COMPARISON.get(sense & _LOW_BITS, "")
        evr = clean(versions[number]) if comparison and versions else ""
        yield Dependency(clean(each), comparison, *_parts(evr) if comparison else ()), sense


def _parts(evr: str) -> tuple[str, str, str]:
    """Epoch, version and release as they are written. Without an epoch it is 0; one that is no number is
    none."""
    epoch, colon, rest = evr.partition(":")
    if not colon:
        epoch, rest = "0", evr
    version, _, release = rest.partition("-")
    return epoch if epoch.isascii() and epoch.isdigit() else "", version, release
