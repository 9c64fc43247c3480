"""Holding packages against their manifests: what one store has of one version."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from common.messages import ManifestObject, PackageManifest
from origin.replicas.copying import digest_of, read_manifest
from origin.replicas.layout import ManifestWrong
from origin.replicas.regions import Region
from origin.replicas.survey import Listed
from origin.store import ObjectUnknown


class Flaw(StrEnum):
    """What is wrong with an object, or with a package, in a store."""

    NO_PACKAGE = "no package"
    """Another store has it whole, and this one has no manifest of it."""
    BAD_MANIFEST = "bad manifest"
    """The manifest is of no use."""
    OTHER_MANIFEST = "other manifest"
    """The manifest is not the one that the other stores have."""
    MISSING = "missing"
    """An object is not there."""
    WRONG_SIZE = "wrong size"
    """An object is shorter or longer than it should be."""
    WRONG_BYTES = "wrong bytes"
    """An object has another SHA-256 than it should have."""
    EXTRA = "extra"
    """An object that no manifest names; it does no harm."""
    REMOVED = "removed"
    """The version was removed, and this store has objects of it still."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong in a store."""

    store: str
    flaw: Flaw
    key: str
    """Of the object, or the prefix of the version."""


async def flaws_of(
    region: Region,
    manifest: PackageManifest,
    sizes: Mapping[str, int],
    *,
    deep: bool = False,
) -> AsyncGenerator[Finding, None]:
    """What is wrong with the objects that ``manifest`` names.

    Args:
        region: where they should be.
        manifest: which.
        sizes: what a listing says of those under the version's own prefix.
        deep: whether every byte is read.

    Raises:
        Unavailable: the store does not answer.
    """
    for listed in manifest.objects:
        flaw = await _flaw_of(region, listed, sizes, deep=deep)
        if flaw is not None:
            yield Finding(region.name, flaw, listed.key)


async def _flaw_of(
    region: Region, listed: ManifestObject, sizes: Mapping[str, int], *, deep: bool
) -> Flaw | None:
    try:
        # Those of a first version lie under the prefix of the later one.
        size = sizes.get(listed.key)
        if size is None:
            size = (await region.store.head(listed.key)).size
        if size != listed.size:
            return Flaw.WRONG_SIZE
        if deep and await digest_of(region.store, listed) != (listed.size, listed.sha256):
            return Flaw.WRONG_BYTES
    except ObjectUnknown:
        return Flaw.MISSING
    return None


async def broken_objects(region: Region, held: Listed) -> int:
    """How many objects of a whole version are missing or of another size; the manifest is one.

    Raises:
        Unavailable: the store does not answer.
    """
    try:
        found = await read_manifest(region, held.name)
    except ManifestWrong:
        return 1
    except ObjectUnknown:
        # Removed since it was listed.
        return 0
    return len([one async for one in flaws_of(region, found.manifest, held.sizes)])
