"""Where packages live: one port, a folder and S3 behind it."""

from origin.store.files import fetch_file, put_file
from origin.store.opening import open_store
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
from origin.store.settings import S3Settings, StoreSettings

__all__ = [
    "SLICE",
    "DigestMismatch",
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
    "fetch_file",
    "open_store",
    "put_file",
]
