"""Opening the database that keeps operators' orders."""

from common.service import DatabaseSettings
from control_plane.standing.mongodb import MongoStandings
from control_plane.standing.port import StandingStore
from control_plane.standing.sqlite import SqliteStandings


async def open_standings(settings: DatabaseSettings) -> StandingStore:
    """The orders in the database that ``settings`` name.

    Raises:
        SettingsInvalid: they name none, or two.
        Unavailable: the database does not answer.
    """
    return await settings.open(SqliteStandings.open, MongoStandings.open)
