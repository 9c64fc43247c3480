"""Opening the database that keeps operators' documents."""

from functools import partial

from common.service import DatabaseSettings
from control_plane.documents.mongodb import MongoDocuments
from control_plane.documents.port import DocumentStore
from control_plane.documents.sqlite import SqliteDocuments


async def open_documents(settings: DatabaseSettings, *, later: bool = False) -> DocumentStore:
    """The documents in the database that ``settings`` name.

    Args:
        settings: of the database.
        later: whether MongoDB may be away now; it is found when it comes.

    Raises:
        SettingsInvalid: they name none, or two.
        Unavailable: the database does not answer.
    """
    return await settings.open(SqliteDocuments.open, partial(MongoDocuments.open, later=later))
