"""The index of a group's plugins, by the directory of the group (maven R80)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from artifactd.plugin import Asset, Change, Index, Micros, Part, Selection
from artifactd_maven.layout import PLUGINS_FOLDER
from artifactd_maven.listings import Listing, merged
from artifactd_maven.metadata import Metadata, Plugin, merge_plugins
from artifactd_maven.versions_index import OfMetadata

PLUGIN_BYTES: Final = 500
"""What a plugin takes in memory, about."""


@dataclass(frozen=True, slots=True)
class Plugins:
    """The plugins that were noted of a group."""

    plugins: tuple[Plugin, ...]
    original: bytes = b""

    def at(self, now: Micros) -> Metadata:
        return Metadata(plugins=self.plugins)

    def is_settled(self, now: Micros) -> bool:
        return True

    @property
    def weight(self) -> int:
        return PLUGIN_BYTES * len(self.plugins)


class PluginIndex(OfMetadata):
    """The index of plugins."""

    name = "maven plugins"

    def selects(self, key: str) -> Selection:
        return Selection(f"{key}/{PLUGINS_FOLDER}")

    def build(self, key: str, assets: Iterable[Asset]) -> Listing:
        return Plugins(merge_plugins(_plugin(asset) for asset in assets if asset.withheld is None))

    def apply(self, key: str, document: Listing, changes: Sequence[Change]) -> Listing | None:
        return None  # a group has a few, which seldom change

    def merge(self, key: str, parts: Sequence[Part[Listing]]) -> Listing:
        return merged(parts, lambda said: bool(said.plugins))


PLUGINS: Index[Listing] = PluginIndex()


def _plugin(asset: Asset) -> Plugin:
    attributes = asset.attributes
    return Plugin(asset.path.rpartition("/")[2], attributes["prefix"], attributes["name"])
