"""Opening the database that keeps the log of purges."""

from common.service import DatabaseSettings
from control_plane.purge.mongodb import MongoPurgeLog
from control_plane.purge.port import PurgeLog
from control_plane.purge.sqlite import SqlitePurgeLog


async def open_purge_log(settings: DatabaseSettings) -> PurgeLog:
    """The log of purges in the database that ``settings`` name.

    Raises:
        SettingsInvalid: they name none, or two.
        Unavailable: the database does not answer.
    """
    return await settings.open(SqlitePurgeLog.open, MongoPurgeLog.open)
