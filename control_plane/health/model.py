"""What health is judged by, and what a judgement is.

Every time here is on one scale: seconds of the control plane's monotonic clock, on which also what
other control planes heard is told. No wall clock counts, neither the edge's nor this machine's.
"""

import math
from collections.abc import Mapping
from enum import StrEnum

import msgspec

from common.messages import EdgeStanding, EdgeState, Heartbeat


class HealthRules(msgspec.Struct, frozen=True):
    """How soon and how far an edge is trusted; times are seconds."""

    silence: float = 3.0
    """Without any evidence of life, an edge is down after this."""
    steady: float = 5.0
    """An edge that fell is up again after so long without a break; twice that after a second fall,
    and so on."""
    steady_most: float = 300.0
    """No edge has to wait longer than this for its falls."""
    fall_forgiven: float = 300.0
    """After this, a fall counts half."""
    bad_for: float = 3.0
    """An edge is degraded once it has been bad for this long; good times are taken off."""
    good_for: float = 10.0
    """And up again once it has been good for this long; bad times are taken off."""
    warm_up: float = 60.0
    """An edge that came back has its whole share after this at the earliest."""
    first_share: float = 0.1
    """The share that an edge comes back with."""
    degraded_share: float = 0.25
    """The most that a degraded edge gets."""
    held_enough: float = 0.9
    """Of the bytes that it should hold, an edge with so many has its whole share."""
    busy: float = 0.95
    """An edge is overloaded when it uses this much of its processors or its bandwidth."""
    busy_no_more: float = 0.8
    """And not any more when it uses less than this."""
    failing: float = 0.05
    """An edge fails when this much of its answers are errors."""
    failing_no_more: float = 0.01
    """And not any more when less than this are."""
    failures_least: int = 5
    """Errors between two heartbeats that say something; fewer may be a single viewer's."""
    disk_remembered: float = 10.0
    """An error of its disk is held against an edge for this long."""
    probe_failures: int = 3
    """Failures in a row after which a probe's word counts."""
    probe_stale: float = 15.0
    """What a monitor found longer ago than this counts no more."""


class Probed(msgspec.Struct, frozen=True):
    """How one monitor, which is a control plane, finds an edge when it asks it for an object."""

    at: float
    """When it last asked."""
    reached_at: float = -math.inf
    """When it was last answered, rightly or not."""
    failures: int = 0
    """How often in a row it was not; 0 when the last time went well."""
    refused: bool = False
    """Whether the edge's machine answered last time that nobody listens there: that is proof that
    the network between them works."""
    wrong: bool = False
    """Whether the last object that came was another than the one that was asked for."""


class Credential(StrEnum):
    """What has become of the credential of an edge's name."""

    VALID = "valid"
    EXPIRED = "expired"
    GONE = "gone"
    """The settings have none."""


class Signs(msgspec.Struct, frozen=True):
    """What is known of an edge now, from wherever it was heard."""

    heartbeat: Heartbeat
    """The last one, whichever control plane it came to."""
    beat_at: float
    """When it came."""
    purge_head: int = 0
    """The number of the last purge there is."""
    held: float = 1.0
    """How much of the bytes that it should hold it holds, 0 to 1; 1 when it should hold none."""
    probes: Mapping[str, Probed] = msgspec.field(default_factory=dict)
    """By monitor."""
    standing: EdgeStanding = EdgeStanding.IN_SERVICE
    order: str = ""
    """Who ordered that and why, for people."""
    credential: Credential = Credential.VALID
    """At this control plane. Heartbeats that come were let in by one."""

    @property
    def heard_at(self) -> float:
        """When there was evidence of life for the last time."""
        return max((self.beat_at, *(probed.reached_at for probed in self.probes.values())))


class Memory(msgspec.Struct, frozen=True):
    """What has to be known of an edge's past to judge it."""

    at: float
    """When it was last judged."""
    run: float = 0.0
    sequence: int = -1
    """Of the last heartbeat, as are the totals below."""
    requests: int = 0
    errors: int = 0
    disk_errors: int = 0
    failing: float = 0.0
    """How much of its answers were errors between its last two heartbeats."""
    disk_failed_at: float = -math.inf
    served: bool = False
    """Whether it ever took viewers."""
    warm: bool = False
    """Whether it has had its whole share since it last came back."""
    falls: float = 0.0
    """How often it fell, what is long ago counted less, at ``fell_at``."""
    fell_at: float = -math.inf
    steady_since: float = -math.inf
    """Since when it has been there without a break."""
    strain: float = 0.0
    """0 to 1: how bad it has been; it is degraded from 1 on, and until it is back at 0."""
    due: int = 0
    """The last purge that there was when it came back."""
    owes: int = 0
    """The last purge that there was when it was last found to be behind; 0 when it is not."""
    owes_since: float = -math.inf
    excused_at: float = -math.inf
    """Until when its silence was not its own."""


class EdgeHealth(msgspec.Struct, frozen=True):
    """How an edge is, and how far it is trusted."""

    state: EdgeState
    since: float
    """When it came to be in this state."""
    share: float
    """Of the viewers that it would get at its best, 0 to 1: how many it gets."""
    reason: str
    """Why, for people; empty for an edge that is up and has its whole share."""
    alive: bool
    """Whether it was heard of lately."""
    spare: float
    """The share that it gets when its region has nothing better; 0 for none."""
    memory: Memory
