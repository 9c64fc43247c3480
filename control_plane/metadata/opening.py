"""Opening the database that keeps metadata."""

from functools import partial

from common.service import DatabaseSettings
from control_plane.metadata.mongodb import MongoMetadata
from control_plane.metadata.port import MetadataStore
from control_plane.metadata.sqlite import SqliteMetadata


async def open_metadata(settings: DatabaseSettings, *, later: bool = False) -> MetadataStore:
    """The metadata in the database that ``settings`` name.

    Args:
        settings: of the database.
        later: whether MongoDB may be away now; it is found when it comes.

    Raises:
        SettingsInvalid: they name none, or two.
        Unavailable: the database does not answer.
    """
    return await settings.open(SqliteMetadata.open, partial(MongoMetadata.open, later=later))
