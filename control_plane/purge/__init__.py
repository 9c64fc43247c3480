"""Purges of a whole fleet: an ordered log, the desk that writes it, and how far each edge is."""

from control_plane.purge.desk import PurgeDesk, PurgeStorm, PurgeUnknown
from control_plane.purge.opening import open_purge_log
from control_plane.purge.port import PurgeLog
from control_plane.purge.progress import KnownEdge
from control_plane.purge.records import PurgeRecord

__all__ = [
    "KnownEdge",
    "PurgeDesk",
    "PurgeLog",
    "PurgeRecord",
    "PurgeStorm",
    "PurgeUnknown",
    "open_purge_log",
]
