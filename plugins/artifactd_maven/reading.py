"""GET and HEAD (maven B): files as they are, metadata as it is now, checksums of what is served."""

from dataclasses import replace

from artifactd.plugin import AssetNotFound, Content, Document, Exchange, Representation, StoredSource
from artifactd_maven.archetypes import catalogue
from artifactd_maven.builds_index import BUILDS
from artifactd_maven.checksums import LARGEST, checksum_headers, parse_checksum
from artifactd_maven.inline import Made, checksum_content
from artifactd_maven.layout import METADATA, Gav, Kind, Place, is_snapshot, parse
from artifactd_maven.listings import Listing
from artifactd_maven.media_types import TEXT, XML
from artifactd_maven.metadata import Metadata, micros_of, render_metadata
from artifactd_maven.plugins_index import PLUGINS
from artifactd_maven.prefixes import prefixes
from artifactd_maven.versions_index import VERSIONS

_CHECKSUM = ("Content-Type", TEXT)


def get_path(exchange: Exchange) -> Content:
    """What is at a path."""
    path = exchange.located.path
    place = parse(path)
    match place.kind:
        case Kind.METADATA:
            return _answer(metadata(exchange, place.folder), place)
        case Kind.PREFIXES:
            return _answer(prefixes(exchange), place)
        case Kind.ARCHETYPES:
            return _answer(catalogue(exchange), place)
        case Kind.NOTHING | Kind.NOTE:
            raise AssetNotFound(exchange.repository.name, path, ())  # upstreams are not asked (maven R93)
    if place.is_literal and exchange.repository.settings.resolve_snapshots:
        return _newest_build(exchange, place)
    return _file(exchange, place)


def metadata(exchange: Exchange, directory: str) -> Made:
    """The metadata in a directory. Raises AssetNotFound when nothing is known of it."""
    if is_snapshot(directory.rpartition("/")[2]):
        builds = exchange.repository.index(BUILDS, directory)
        return _made(exchange, directory, builds, None)
    versions = exchange.repository.index(VERSIONS, directory)
    return _made(exchange, directory, versions, exchange.repository.index(PLUGINS, directory))


def _answer(made: Made, place: Place) -> Content:
    return made.checksum(place.checksum) if place.checksum else made.content()


def _made(
    exchange: Exchange, directory: str, main: Document[Listing], plugins: Document[Listing] | None
) -> Made:
    now = exchange.services.now()
    depends = main.depends
    if plugins is not None:
        both = depends is not None and plugins.depends is not None
        depends = (*depends, *plugins.depends) if both else None  # type: ignore[misc]
    settled = main.value.is_settled(now)
    if not settled:
        depends = None  # it will change without anything being changed

    def body() -> bytes:
        return _body(main.value, None if plugins is None else plugins.value, now)

    if settled:
        form = "file" if plugins is None else f"file {plugins.revision}"
        made = main.represented(form, lambda: Representation(XML, body())).body
    else:
        made = body()
    if not made:
        raise AssetNotFound(exchange.repository.name, f"{directory}/{METADATA}", depends)
    changed = max(main.changed, 0 if plugins is None else plugins.changed)
    modified = micros_of(main.value.at(now).updated) or changed
    return Made(made, XML, modified, depends)


def _body(main: Listing, plugins: Listing | None, now: int) -> bytes:
    """The file: word for word where it is one upstream's alone, empty when there is nothing to say."""
    said = main.at(now)
    others = () if plugins is None else plugins.at(now).plugins
    if main.original and (plugins is None or plugins.original == main.original or not others):
        return main.original
    if plugins is not None and plugins.original and not said.versions:
        return plugins.original
    told = replace(said, plugins=others) if said.versions or plugins is None else Metadata(plugins=others)
    return b"" if told.is_empty else render_metadata(told)


def _file(exchange: Exchange, place: Place) -> Content:
    """A file as it is stored, or a checksum of it."""
    if place.checksum:
        content = exchange.repository.get(place.main, derived=place.checksum)
        if content.head.derived_from is None:
            content = _bare(exchange, content, place)
        return content.with_headers(_CHECKSUM)
    content = exchange.repository.get(place.main)
    return content.with_headers(*checksum_headers(content))


def _bare(exchange: Exchange, content: Content, place: Place) -> Content:
    """What an upstream has written as the checksum of a file that is not here, without what else it wrote.
    Raises AssetNotFound where that is no checksum."""
    source = content.source
    if not isinstance(source, StoredSource):
        return content
    with source.store.open(source.location) as file:
        checksum = parse_checksum(file.read(LARGEST), place.checksum)
    if checksum is None:
        raise AssetNotFound(exchange.repository.name, f"{place.main}.{place.checksum}")
    return checksum_content(checksum, content.head.modified, content.depends)


def _newest_build(exchange: Exchange, place: Place) -> Content:
    """The file itself where clients put it under this name; else that of the newest build (maven R76),
    which is found anew each time."""
    try:
        return _file(exchange, place)
    except AssetNotFound as missing:
        assert place.gav is not None, "only files are literal"
        document = exchange.repository.index(BUILDS, place.gav.directory)
        build = _build(place.gav, document.value.at(exchange.services.now()), place.signature)
        if build is None or build == place.main:
            raise missing
    content = _file(exchange, replace(place, main=build))
    return Content(content.head, content.source, None, content.headers)


def _build(gav: Gav, said: Metadata, signature: str) -> str | None:
    """The path of the newest build's file, or of its signature. Metadata of old clients names builds and
    not their files. What an upstream says of another version counts for nothing."""
    found = said.files.get((gav.classifier, gav.extension))
    if found is not None:
        version = found.value
    elif said.snapshot is not None and not said.files:
        version = replace(gav, stamp=str(said.snapshot)).version
    else:
        return None
    classifier = f"-{gav.classifier}" if gav.classifier else ""
    path = f"{gav.directory}/{gav.artifact}-{version}{classifier}.{gav.extension}{signature}"
    named = parse(path).gav
    return path if named is not None and named.directory == gav.directory else None
