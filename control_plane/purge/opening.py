"""Opening the database that keeps the log of purges."""

from functools import partial

from common.service import DatabaseSettings
from control_plane.purge.mongodb import MongoPurgeLog
from control_plane.purge.port import PurgeLog
from control_plane.purge.sqlite import SqlitePurgeLog


async def open_purge_log(settings: DatabaseSettings, *, later: bool = False) -> PurgeLog:
    """The log of purges in the database that ``settings`` name.

    Args:
        settings: of the database.
        later: whether MongoDB may be away now; it is found when it comes.

    Raises:
        SettingsInvalid: they name none, or two.
        Unavailable: the database does not answer.
    """
    return await settings.open(SqlitePurgeLog.open, partial(MongoPurgeLog.open, later=later))
