"""In which order an edge fills itself."""

from collections.abc import Iterable

from common.messages import DesiredPackage, ManifestObject


def package_order(packages: Iterable[DesiredPackage]) -> list[DesiredPackage]:
    """The newest version first: names of versions sort by the time they were made."""
    return sorted(packages, key=lambda package: (package.version, package.asset_id), reverse=True)


def object_order(objects: Iterable[ManifestObject]) -> list[ManifestObject]:
    """What every viewer needs first: playlists, then pictures and init segments, then media.

    Within media the small objects come first, which are the renditions that start playback.
    """
    return sorted(objects, key=lambda item: (_stage(item), item.size, item.key))


def _stage(item: ManifestObject) -> int:
    if item.key.endswith(".m3u8"):
        return 0
    return 2 if item.key.endswith((".m4s", ".ts")) else 1
