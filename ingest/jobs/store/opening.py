"""Opening the database that keeps the jobs."""

from common.service import DatabaseSettings
from ingest.jobs.store.mongodb import MongoJobStore
from ingest.jobs.store.port import JobStore
from ingest.jobs.store.sqlite import SqliteJobStore


async def open_job_store(settings: DatabaseSettings) -> JobStore:
    """The jobs' database that ``settings`` name.

    Raises:
        SettingsInvalid: they name none, or two.
        Unavailable: it does not answer.
    """
    return await settings.open(SqliteJobStore.open, MongoJobStore.open)
