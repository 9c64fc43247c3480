"""The port behind which operators' documents are kept."""

from typing import Final, Protocol

import msgspec

DOCUMENT_AT_MOST: Final = 15 * 1024 * 1024
"""Bytes of a body: MongoDB takes 16 MiB with all that is beside it."""
REVISION_BITS: Final = 40
"""A million revisions add up to less than a database's 64-bit column holds."""


class Document(msgspec.Struct, frozen=True):
    """What was last told, by whom and when (POSIX seconds, for people)."""

    family: str
    """What it is one of."""
    name: str
    body: bytes
    """JSON."""
    by: str
    at: float
    revision: int
    """Drawn at random for every write, so that control planes need not agree on the next one."""


class DocumentStore(Protocol):
    """The documents of each family.

    Every method raises ``Unavailable`` when the database does not answer.
    """

    async def put(self, document: Document) -> None:
        """Remembers a document in place of the last of its name; durable when this returns.

        Raises:
            StorageFull: no space is left.
        """
        ...

    async def delete(self, family: str, name: str) -> bool:
        """Forgets a document; durable when this returns. Whether there was one."""
        ...

    async def state(self, family: str) -> int:
        """Another number once anything of ``family`` has changed: the sum of the revisions."""
        ...

    async def all(self, family: str) -> tuple[Document, ...]:
        """The documents of ``family``, in no order."""
        ...

    async def close(self) -> None:
        """Ends the connection."""
        ...
