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
    ObjectStore,
    ObjectTooLarge,
    ObjectUnknown,
    PrefixInvalid,
    ReadInterrupted,
)
from origin.store.s3_direct import DirectUploads
from origin.store.settings import S3Settings, StoreSettings

__all__ = [
    "SLICE",
    "DigestMismatch",
    "DirectUploads",
    "KeyInvalid",
    "KeyObstructed",
    "ListedObject",
    "ObjectExists",
    "ObjectInfo",
    "ObjectStore",
    "ObjectTooLarge",
    "ObjectUnknown",
    "PrefixInvalid",
    "ReadInterrupted",
    "S3Settings",
    "StoreSettings",
    "direct_uploads",
    "fetch_file",
    "open_store",
    "put_bytes",
    "put_file",
]
