"""Which keys belong to a version, and what a manifest must be before anything is copied by it."""

from typing import Final, NamedTuple

from common.errors import NearcastError
from common.messages import MessageInvalid, PackageManifest, decode
from common.messages.packages import manifest_key, version_prefix

LARGEST_MANIFEST: Final = 16 * 1024 * 1024
"""Bytes."""
MOST_OBJECTS: Final = 100_000
"""Objects of one version."""
COPYING: Final = "copying/"
"""What the keys of all marks of copies under way begin with."""
CHECK: Final = "check"
"""The name under which a check copies; one at a time repairs. No region has it."""


class VersionName(NamedTuple):
    """A version of an asset."""

    asset: str
    version: str

    @property
    def prefix(self) -> str:
        """What the keys of its objects begin with, with the slash at the end."""
        return version_prefix(self.asset, self.version)

    @property
    def manifest(self) -> str:
        """The key of its manifest."""
        return manifest_key(self.asset, self.version)

    def copying(self, copier: str = "") -> str:
        """The key of the mark that ``copier`` copies it; the prefix of all such marks without."""
        return f"{COPYING}{self.asset}/{self.version}/{copier}"


class ManifestWrong(NearcastError):
    """The manifest {key!r} in the store {store} is of no use: {reason}."""

    status = 502


def name_of(key: str) -> VersionName | None:
    """The version under whose prefix ``key`` is; None when it is under none."""
    parts = key.split("/", 3)
    if len(parts) < 4 or parts[0] != "v":
        return None
    return VersionName(parts[1], parts[2])


def copier_of(key: str) -> tuple[VersionName, str] | None:
    """What the mark ``key`` says is copied, and by whom; None when it is no such mark."""
    parts = key.split("/")
    if len(parts) != 4 or f"{parts[0]}/" != COPYING:
        return None
    return VersionName(parts[1], parts[2]), parts[3]


def parse_manifest(body: bytes, name: VersionName, store: str) -> PackageManifest:
    """The manifest of ``name``, as the store ``store`` has it.

    Its objects lie under the asset's prefix: those of a first version under that of the later one.

    Raises:
        ManifestWrong: it is none, or one of something else.
    """
    try:
        manifest = decode(body, PackageManifest)
    except MessageInvalid as error:
        raise ManifestWrong(key=name.manifest, store=store, reason=str(error)[:200]) from error
    reason = ""
    if (manifest.asset_id, manifest.version) != name:
        reason = f"it is that of {manifest.asset_id}/{manifest.version}"
    elif len(manifest.objects) > MOST_OBJECTS:
        reason = f"it names {len(manifest.objects)} objects"
    else:
        strange = next((one.key for one in manifest.objects if not _may_name(name, one.key)), None)
        if strange is not None:
            reason = f"it names {strange!r}, which is none of its objects"
        elif len({one.key for one in manifest.objects}) != len(manifest.objects):
            reason = "it names an object twice"
    if reason:
        raise ManifestWrong(key=name.manifest, store=store, reason=reason)
    return manifest


def _may_name(name: VersionName, key: str) -> bool:
    home = name_of(key)
    return home is not None and home.asset == name.asset and key != home.manifest
