"""Where packages live: one port, a folder and S3 behind it."""

from origin.store.port import (
    SLICE,
    DigestMismatch,
    KeyInvalid,
    KeyObstructed,
    ListedObject,
    ObjectExists,
    ObjectInfo,
    ObjectStore,
    ObjectUnknown,
    PrefixInvalid,
    ReadInterrupted,
)

__all__ = [
    "SLICE",
    "DigestMismatch",
    "KeyInvalid",
    "KeyObstructed",
    "ListedObject",
    "ObjectExists",
    "ObjectInfo",
    "ObjectStore",
    "ObjectUnknown",
    "PrefixInvalid",
    "ReadInterrupted",
]
