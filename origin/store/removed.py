"""The mark that a version was removed, which keeps stores that copy from each other from bringing
it back: it is written before the first object goes, and stays."""

from typing import Final

from origin.store.files import put_bytes
from origin.store.port import ObjectStore, ObjectUnknown

REMOVED: Final = "removed/"
"""What the keys of all marks begin with."""


def removed_key(asset: str, version: str) -> str:
    """The key of the mark that this version was removed."""
    return f"{REMOVED}{asset}/{version}"


async def mark_removed(store: ObjectStore, asset: str, version: str) -> None:
    """Writes the mark; it is durable when this returns."""
    await put_bytes(store, removed_key(asset, version), b"", content_type="text/plain")


async def is_removed(store: ObjectStore, asset: str, version: str) -> bool:
    """Whether the mark is there."""
    try:
        await store.head(removed_key(asset, version))
    except ObjectUnknown:
        return False
    return True
