"""Opening the database that keeps the catalog."""

from functools import partial

from common.service import DatabaseSettings
from control_plane.catalog.mongodb import MongoCatalog
from control_plane.catalog.port import Catalog
from control_plane.catalog.sqlite import SqliteCatalog


async def open_catalog(settings: DatabaseSettings, *, later: bool = False) -> Catalog:
    """The catalog that ``settings`` name.

    Args:
        settings: of the database.
        later: whether MongoDB may be away now; it is found when it comes.

    Raises:
        SettingsInvalid: they name none, or two.
        Unavailable: the database does not answer.
    """
    return await settings.open(SqliteCatalog.open, partial(MongoCatalog.open, later=later))
