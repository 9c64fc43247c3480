"""Opening the database that keeps the uploads."""

from common.service import DatabaseSettings
from ingest.upload.store.mongodb import MongoUploadStore
from ingest.upload.store.port import UploadStore
from ingest.upload.store.sqlite import SqliteUploadStore


async def open_upload_store(settings: DatabaseSettings) -> UploadStore:
    """The uploads' database beside the jobs' one that ``settings`` name.

    Raises:
        SettingsInvalid: they name none, or two.
        Unavailable: it does not answer.
    """
    return await settings.open(SqliteUploadStore.open, MongoUploadStore.open)
