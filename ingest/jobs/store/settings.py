"""Which database keeps the jobs, and opening it."""

from pathlib import Path
from typing import Annotated

import msgspec

from common.errors import SettingsInvalid
from ingest.jobs.store.mongodb import MongoJobStore
from ingest.jobs.store.port import JobStore
from ingest.jobs.store.sqlite import SqliteJobStore

_MongoUrl = Annotated[str, msgspec.Meta(pattern=r"^mongodb(\+srv)?://[!-~]{1,1024}\Z")]


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where jobs are kept: one of a SQLite file and MongoDB."""

    sqlite: Annotated[
        Path | None,
        msgspec.Meta(
            description="File of the SQLite database, for one machine; either this or mongodb.",
            extra={"example": "data/ingest.sqlite"},
        ),
    ] = None
    mongodb: Annotated[
        _MongoUrl | None,
        msgspec.Meta(
            description="URL of the MongoDB servers, for many machines.",
            extra={"example": "mongodb://db1:27017,db2:27017/?replicaSet=rs0"},
        ),
    ] = None
    name: Annotated[
        str,
        msgspec.Meta(
            description="Name of the database in MongoDB.", pattern=r"^[A-Za-z0-9_-]{1,63}\Z"
        ),
    ] = "nearcast_ingest"


async def open_job_store(settings: DatabaseSettings) -> JobStore:
    """The jobs' database that ``settings`` name.

    Raises:
        SettingsInvalid: they name none, or two.
        Unavailable: it does not answer.
    """
    match settings.sqlite, settings.mongodb:
        case Path() as path, None:
            return await SqliteJobStore.open(path)
        case None, str() as url:
            return await MongoJobStore.open(url, settings.name)
        case _:
            raise SettingsInvalid(
                file="settings", key="database", expected="expected either sqlite or mongodb"
            )
