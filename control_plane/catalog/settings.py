"""Which database keeps the catalog, and opening it."""

from pathlib import Path
from typing import Annotated

import msgspec

from common.errors import SettingsInvalid
from control_plane.catalog.mongodb import MongoCatalog
from control_plane.catalog.port import Catalog
from control_plane.catalog.sqlite import SqliteCatalog


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the catalog is kept: one of a SQLite file and MongoDB."""

    sqlite: Annotated[
        Path | None,
        msgspec.Meta(
            description="File of the SQLite database, for one machine; either this or mongodb.",
            extra={"example": "data/control.sqlite"},
        ),
    ] = None
    mongodb: Annotated[
        Annotated[str, msgspec.Meta(pattern=r"^mongodb(\+srv)?://")] | None,
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
    ] = "nearcast_control"


async def open_catalog(settings: DatabaseSettings) -> Catalog:
    """The catalog that ``settings`` name.

    Raises:
        SettingsInvalid: they name none, or two.
        Unavailable: the database does not answer.
    """
    match settings.sqlite, settings.mongodb:
        case Path() as path, None:
            return await SqliteCatalog.open(path)
        case None, str() as url:
            return await MongoCatalog.open(url, settings.name)
        case _:
            raise SettingsInvalid(
                file="settings", key="database", expected="expected either sqlite or mongodb"
            )
