"""Where packages live: one port, a folder and S3 behind it."""

from origin.store.files import fetch_file, put_bytes, put_file
from origin.store.opening import direct_uploads, open_store
from origin.store.port import (
    SLICE,
    DigestMismatch,
    KeyInvalid,
    KeyObstructed,
    ListedObject,
    ObjectExists,
    ObjectInfo,
    ObjectReader,
    ObjectStore,
    ObjectTooLarge,
    ObjectUnknown,
    PrefixInvalid,
    ReadInterrupted,
)
from origin.store.removed import REMOVED, is_removed, mark_removed, removed_key
from origin.store.s3_direct import DirectUploads
from origin.store.settings import S3Settings, StoreSettings

__all__ = [
    "REMOVED",
    "SLICE",
    "DigestMismatch",
    "DirectUploads",
    "KeyInvalid",
    "KeyObstructed",
    "ListedObject",
    "ObjectExists",
    "ObjectInfo",
    "ObjectReader",
    "ObjectStore",
    "ObjectTooLarge",
    "ObjectUnknown",
    "PrefixInvalid",
    "ReadInterrupted",
    "S3Settings",
    "StoreSettings",
    "direct_uploads",
    "fetch_file",
    "is_removed",
    "mark_removed",
    "open_store",
    "put_bytes",
    "put_file",
    "removed_key",
]
