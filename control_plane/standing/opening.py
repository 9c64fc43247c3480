"""Opening the database that keeps operators' orders."""

from functools import partial

from common.service import DatabaseSettings
from control_plane.standing.mongodb import MongoStandings
from control_plane.standing.port import StandingStore
from control_plane.standing.sqlite import SqliteStandings


async def open_standings(settings: DatabaseSettings, *, later: bool = False) -> StandingStore:
    """The orders in the database that ``settings`` name.

    Args:
        settings: of the database.
        later: whether MongoDB may be away now; it is found when it comes.

    Raises:
        SettingsInvalid: they name none, or two.
        Unavailable: the database does not answer.
    """
    return await settings.open(SqliteStandings.open, partial(MongoStandings.open, later=later))
