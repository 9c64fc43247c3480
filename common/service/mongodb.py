"""MongoDB behind asyncio: opened, and its errors told as ours."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from pymongo import AsyncMongoClient, ReadPreference
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from common.errors import StorageFull, Unavailable

Document = dict[str, Any]

ANSWER_WITHIN: Final = 5000
"""Milliseconds that one operation may take, finding a server included."""

_OUT_OF_DISK_SPACE: Final = 14031


def client_of(url: str) -> AsyncMongoClient[Document]:
    """A client of the servers at ``url``; it connects when it is first asked for something.

    Raises:
        Unavailable: the URL is none.
    """
    try:
        return AsyncMongoClient(
            url, timeoutMS=ANSWER_WITHIN, serverSelectionTimeoutMS=ANSWER_WITHIN, tz_aware=True
        )
    except (PyMongoError, ValueError) as error:
        raise _translated(error) from error


def durable(client: AsyncMongoClient[Document], name: str) -> AsyncDatabase[Document]:
    """The database ``name``, in which what was answered is never lost.

    It is journalled by a majority and read from the primary, so that nobody decides on a record
    that is older than the last write to it.
    """
    return client.get_database(
        name,
        write_concern=WriteConcern(w="majority", j=True),
        read_concern=ReadConcern("majority"),
        read_preference=ReadPreference.PRIMARY,
    )


@asynccontextmanager
async def translating() -> AsyncIterator[None]:
    """Tells the driver's errors as ours.

    Raises:
        StorageFull: the server has no space left.
        Unavailable: the server does not answer, or with another error.
    """
    try:
        yield
    except PyMongoError as error:
        raise _translated(error) from error


def _translated(error: Exception) -> Unavailable | StorageFull:
    if getattr(error, "code", None) == _OUT_OF_DISK_SPACE:
        return StorageFull(where="MongoDB")
    # The driver's message goes on with the whole topology: the first clause says what happened.
    return Unavailable(what="MongoDB", reason=str(error).split(",")[0].strip()[:200])
