"""Which heartbeats are news: replays, stragglers, runs and edges that share a name.

Only the control plane's own clock counts. What an edge says of time orders its heartbeats among
themselves and nothing else.
"""

from common.errors import NearcastError
from common.messages import Heartbeat


class EdgeNameTaken(NearcastError):
    """Another edge reports as {edge_id}, from {url}: give this one a name and credential of its
    own, or end the other."""

    status = 409


def accepts(
    known: Heartbeat, heard_at: float, heartbeat: Heartbeat, *, now: float, silence: float
) -> bool:
    """Whether ``heartbeat`` is news after ``known``, or a replay or a straggler.

    A run of an edge is told by when it started. Of one run, the sequence must rise. A run at the
    same URL that started later is the edge's next. Any other is believed only once the known one
    has fallen silent: the edge moved, its clock was set back between two runs, or it is another
    edge with the same name, of which one at a time is listened to.

    Raises:
        EdgeNameTaken: it is of another run, while the known one still reports.
    """
    same_url = heartbeat.url == known.url
    if heartbeat.started_at == known.started_at and same_url:
        return heartbeat.sequence > known.sequence
    if _silent(heard_at, now, silence) or (same_url and heartbeat.started_at > known.started_at):
        return True
    raise EdgeNameTaken(edge_id=known.edge_id, url=known.url)


def _silent(heard_at: float, now: float, silence: float) -> bool:
    """Whether nothing was heard for ``silence``. Something heard in the future was heard before the
    clock was set back, nobody knows when."""
    return abs(now - heard_at) >= silence


def heard_elsewhere(told_at: float, *, wall: float, now: float, delay: float) -> float:
    """When a heartbeat that is news came to another control plane, on this one's scale.

    The wall clocks of two machines differ, and each may jump: they are believed only as far as news
    can be old.

    Args:
        told_at: when it came, by the other's wall clock, POSIX seconds.
        wall: this machine's wall clock, POSIX seconds.
        now: this control plane's monotonic time, seconds.
        delay: seconds that it takes at most until what another one heard is read here.
    """
    return now - min(max(0.0, wall - told_at), delay)
