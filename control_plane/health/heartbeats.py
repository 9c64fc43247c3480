"""What heartbeats say of an edge's health.

    STARTING ──ready──▶ UP ──not ready──▶ STARTING      (drains, or starts anew)
        └──────── silence ──▶ DOWN ◀── silence ──┘
                              DOWN ──heartbeat──▶ UP or STARTING

Only the control plane's own clock counts. What an edge says of time orders its heartbeats among
themselves and nothing else.
"""

from common.messages import EdgeState, Heartbeat


def state_of(heartbeat: Heartbeat, heard_at: float, *, now: float, silence: float) -> EdgeState:
    """The health of an edge whose last ``heartbeat`` was ``heard_at``.

    Args:
        heartbeat: the last one.
        heard_at: when it came, POSIX seconds.
        now: POSIX seconds.
        silence: seconds without a heartbeat after which an edge is down.
    """
    if _silent(heard_at, now, silence):
        return EdgeState.DOWN
    return EdgeState.UP if heartbeat.ready else EdgeState.STARTING


def accepts(
    known: Heartbeat, heard_at: float, heartbeat: Heartbeat, *, now: float, silence: float
) -> bool:
    """Whether ``heartbeat`` is news after ``known``, or a replay or a straggler.

    A run of an edge is told by when it started. Of one run, the sequence must rise. A run that
    started earlier than the known one is believed only once the known one has fallen silent: the
    edge's clock was set back between two runs.
    """
    if heartbeat.started_at == known.started_at:
        return heartbeat.sequence > known.sequence
    return heartbeat.started_at > known.started_at or _silent(heard_at, now, silence)


def _silent(heard_at: float, now: float, silence: float) -> bool:
    """Whether nothing was heard for ``silence``. Something heard in the future was heard before the
    clock was set back, nobody knows when."""
    return abs(now - heard_at) >= silence
