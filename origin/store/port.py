"""The port behind which objects live, and the mistakes every adapter tells alike."""

from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass
from typing import Final, Protocol

from common.errors import NearcastError
from common.messages.packages import KEY_PATTERN

SLICE: Final = 256 * 1024
"""Bytes that ``read`` hands out at most at once."""

LONGEST_KEY: Final = 512
LONGEST_SEGMENT: Final = 240
"""Of a key between slashes: file systems take names of 255 bytes, and adapters add to them."""


class KeyInvalid(NearcastError):
    """{key!r} is no object key: it needs path segments of A-Z a-z 0-9 . _ - joined by slashes."""

    status = 400


class PrefixInvalid(NearcastError):
    """{prefix!r} is no key prefix: it needs whole path segments and ends with a slash."""

    status = 400


class ObjectUnknown(NearcastError):
    """There is no object {key!r}."""

    status = 404


class ObjectExists(NearcastError):
    """The object {key!r} exists with other bytes: an object is written once and never changes."""

    status = 409


class KeyObstructed(NearcastError):
    """The object {key!r} cannot exist beside the objects of which one's key begins the other's."""

    status = 409


class ObjectTooLarge(NearcastError):
    """The object {key!r} is larger than the store can keep."""

    status = 413


class DigestMismatch(NearcastError):
    """The bytes sent for {key!r} have the SHA-256 {actual}, not {expected} as was said."""

    status = 422


class ReadInterrupted(NearcastError):
    """Reading {key!r} broke off: {reason}."""

    status = 502


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a store knows of one object."""

    key: str
    size: int
    """Bytes."""
    content_type: str
    etag: str
    """A strong entity tag with its quotes; from the SHA-256 of the bytes where that is known."""
    last_modified: float
    """POSIX seconds."""
    sha256: str | None
    """In lower-case hexadecimal; None when the store was never told and did not compute it."""


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object in a listing."""

    key: str
    size: int
    """Bytes."""


class ObjectReader(Protocol):
    """What is asked to hand out objects: see ``ObjectStore``."""

    async def head(self, key: str) -> ObjectInfo:
        """What is known of an object.

        Raises:
            ObjectUnknown: there is none.
        """
        ...

    def read(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The bytes from ``start`` on, ``length`` of them or all, in pieces of at most ``SLICE``.

        They are fewer where the object ends before. Whoever stops early closes the generator.

        Raises:
            ObjectUnknown: there is no such object; told with the first piece.
            ReadInterrupted: the store broke off midway.
        """
        ...


class ObjectStore(ObjectReader, Protocol):
    """Immutable objects under keys.

    A key is checked before anything else (``KeyInvalid``). Every method raises ``Unavailable``
    when the store does not answer.
    """

    async def put(
        self,
        key: str,
        chunks: AsyncIterable[bytes],
        *,
        content_type: str,
        sha256: str | None = None,
    ) -> ObjectInfo:
        """Writes an object, durable when this returns and never seen in part.

        Writing the same bytes under the same key again changes nothing and succeeds; ``chunks``
        is then not read to its end where ``sha256`` tells enough. When ``chunks`` raises, nothing
        stays behind.

        Args:
            key: where to.
            chunks: the bytes, in pieces of any size.
            content_type: a media type to hand out with them.
            sha256: what their digest must be, in lower-case hexadecimal.

        Raises:
            DigestMismatch: they have another digest; nothing was written.
            ObjectExists: the key holds other bytes.
            KeyObstructed: the adapter cannot keep this key beside the others.
            ObjectTooLarge: the adapter cannot keep so many bytes under one key.
            StorageFull: no space is left.
        """
        ...

    def list(self, prefix: str, *, after: str = "") -> AsyncGenerator[ListedObject, None]:
        """The objects whose keys begin with ``prefix``, in the byte order of their keys.

        Args:
            prefix: what keys begin with.
            after: what keys sort after; of those before, nothing is read.

        Raises:
            PrefixInvalid: the prefix is neither empty nor whole segments and a slash.
        """
        ...

    async def delete(self, key: str) -> None:
        """Removes an object; does nothing when there is none."""
        ...

    async def delete_prefix(self, prefix: str) -> int:
        """Removes the objects whose keys begin with ``prefix``.

        Returns:
            How many there were.

        Raises:
            PrefixInvalid: the prefix is not whole segments and a slash.
        """
        ...


def check_key(key: str) -> tuple[str, ...]:
    """The segments of ``key``.

    Raises:
        KeyInvalid: it is no key.
    """
    if len(key) > LONGEST_KEY or KEY_PATTERN.match(key) is None:
        raise KeyInvalid(key=key[:LONGEST_KEY])
    segments = tuple(key.split("/"))
    if any(len(segment) > LONGEST_SEGMENT for segment in segments):
        raise KeyInvalid(key=key)
    return segments


def check_prefix(prefix: str, *, empty: bool) -> tuple[str, ...]:
    """The segments of ``prefix``.

    Args:
        prefix: what keys begin with.
        empty: whether the prefix of all keys is allowed.

    Raises:
        PrefixInvalid: it is none.
    """
    if empty and not prefix:
        return ()
    try:
        if prefix.endswith("/"):
            return check_key(prefix[:-1])
    except KeyInvalid:
        pass
    raise PrefixInvalid(prefix=prefix[:LONGEST_KEY])
