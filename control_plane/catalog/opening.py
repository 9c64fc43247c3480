"""Opening the database that keeps the catalog."""

from common.service import DatabaseSettings
from control_plane.catalog.mongodb import MongoCatalog
from control_plane.catalog.port import Catalog
from control_plane.catalog.sqlite import SqliteCatalog


async def open_catalog(settings: DatabaseSettings) -> Catalog:
    """The catalog that ``settings`` name.

    Raises:
        SettingsInvalid: they name none, or two.
        Unavailable: the database does not answer.
    """
    return await settings.open(SqliteCatalog.open, MongoCatalog.open)
