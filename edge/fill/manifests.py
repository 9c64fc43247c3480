"""What a package consists of, and what of that is missing; however much that is, others have their
turns of the event loop meanwhile."""

import asyncio
from typing import Final

from common.messages import ManifestObject, PackageManifest, decode
from edge.fetch.errors import UpstreamBroke
from edge.fill.obtain import Obtain
from edge.policy.stored import Stored
from edge.store import Cache

LARGEST_MANIFEST: Final = 64 * 1024 * 1024
"""Bytes of a manifest."""
_QUICK: Final = 256 * 1024
"""Bytes of one that is decoded at once, not in a thread."""
_AT_ONCE: Final = 128
"""Things that are looked at before others get their turn."""


async def read_manifest(cache: Cache, entry: Stored, key: str) -> PackageManifest:
    """The manifest ``key``, which is stored as ``entry``.

    Raises:
        UpstreamBroke: it is too large.
        MessageInvalid: it is none.
        ObjectDamaged: it cannot be read.
    """
    if entry.size > LARGEST_MANIFEST:
        raise UpstreamBroke(key=key, reason="the manifest is too large")
    body = b"".join([piece async for piece in cache.read(entry, 0, entry.size)])
    if len(body) > _QUICK:
        return await asyncio.to_thread(decode, body, PackageManifest)
    return decode(body, PackageManifest)


async def missing_of(manifest: PackageManifest, obtain: Obtain) -> dict[str, ManifestObject]:
    """What of a package is not held, by key."""
    missing: dict[str, ManifestObject] = {}
    for number, item in enumerate(manifest.objects):
        if obtain.held(item.key, item.sha256) is None:
            missing[item.key] = item
        await let_others(number)
    return missing


async def let_others(number: int) -> None:
    """Gives others a turn after many turns of a loop."""
    if number % _AT_ONCE == _AT_ONCE - 1:
        await asyncio.sleep(0)
