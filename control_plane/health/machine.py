"""One edge's health, as a state machine.

                    ready, all purges done, steady
        STARTING ─────────────────────────────────────▶ UP ──bad for long enough──▶ DEGRADED
           ▲                                             ▲ ◀──good for long enough────┘
           │ heard of again                              │
           └──────────────── DOWN ◀── silence, or no monitor reaches it ── from any of them
                         or its credential is worth nothing any more
        DRAINING and MAINTENANCE: at once, by the edge's word or an operator's, and until then.

An edge whose first start was seen here is up with its first ready heartbeat. One that fell (was
silent, not ready, started anew) is up only after it has been steady for a time that doubles with
each fall, so that a flapping edge does not flap its viewers; then its share grows from little to
all, with the time and with how much it holds.
"""

from typing import Final, NamedTuple

from msgspec.structs import replace

from common.messages import EdgeStanding, EdgeState
from control_plane.health.model import Credential, EdgeHealth, HealthRules, Memory, Signs
from control_plane.health.troubles import troubles, unreached

LONGEST_STEP = 1.0
"""Seconds that pass at most, for an edge's share and its strain, between two judgements."""
SERVING = frozenset({EdgeState.UP, EdgeState.DEGRADED})
"""The states in which an edge takes new viewers."""
FLAPPING_SPARE = 0.25
UNREACHED_SPARE = 0.1
EXPIRED_SPARE = 0.05
"""Shares of edges that are taken only where a region has nothing better."""
UNTRUSTED: Final = {
    Credential.EXPIRED: "its credential has expired",
    Credential.GONE: "there is no credential of its name",
}


class _Out(NamedTuple):
    """Why an edge takes no new viewers."""

    state: EdgeState
    reason: str
    spare: float = 0.0


def step(known: EdgeHealth | None, signs: Signs, *, now: float, rules: HealthRules) -> EdgeHealth:
    """How an edge is at ``now``, after it was ``known``; to be asked once a second or more often.

    Args:
        known: the last judgement; None when there was none.
        signs: what is known of the edge.
        now: seconds, on the scale of ``signs``.
        rules: how soon and how far edges are trusted.
    """
    before = known.memory if known else Memory(now)
    restarted = known is not None and before.run != signs.heartbeat.started_at
    fell = known is not None and known.state in SERVING and restarted
    serving = known if known is not None and known.state in SERVING and not restarted else None
    alive = now - max(signs.heard_at, before.excused_at) < rules.silence
    # However long this control plane slept, no more is made of it.
    passed = min(max(0.0, now - before.at), LONGEST_STEP)
    memory = _counted(before, signs, now, rules)
    memory = _owing(memory, signs, now, back=known is None or restarted or not known.alive)
    if restarted or not _steady(signs, alive=alive, rules=rules):
        memory = replace(memory, steady_since=now)
    if fell:
        memory = _fallen(memory, now, rules)
    silent = now - max(signs.beat_at, before.excused_at) >= rules.silence
    out = _ordered(signs, alive=alive, silent=silent, rules=rules) or _unfit(signs, memory, rules)
    if out is None and serving is None:
        out = _settling(memory, now, rules)
    if out is None:
        return _taking(serving, signs, memory, passed=passed, now=now, rules=rules)
    if serving is not None and not _by_order(signs):
        memory = _fallen(memory, now, rules)
    return EdgeHealth(
        state=out.state,
        since=known.since if known is not None and known.state is out.state else now,
        share=0.0,
        reason=out.reason,
        alive=alive,
        spare=out.spare,
        memory=replace(memory, warm=False, strain=0.0),
    )


def _counted(memory: Memory, signs: Signs, now: float, rules: HealthRules) -> Memory:
    """``memory`` with the totals of the last heartbeat."""
    beat = signs.heartbeat
    memory = replace(memory, at=now)
    first = memory.run != beat.started_at
    if not first and beat.sequence <= memory.sequence:
        return memory
    # Of a run that was not heard before, nobody knows how long ago its errors were.
    answers, errors, disk = (
        0 if first else max(0, new - old)
        for new, old in (
            (beat.requests, memory.requests),
            (beat.errors, memory.errors),
            (beat.disk_errors, memory.disk_errors),
        )
    )
    return replace(
        memory,
        run=beat.started_at,
        sequence=beat.sequence,
        requests=beat.requests,
        errors=beat.errors,
        disk_errors=beat.disk_errors,
        failing=errors / max(answers, errors) if errors >= rules.failures_least else 0.0,
        disk_failed_at=now if disk else memory.disk_failed_at,
    )


def _owing(memory: Memory, signs: Signs, now: float, *, back: bool) -> Memory:
    """``memory`` with the purges that the edge still has to carry out."""
    done, head = signs.heartbeat.purges, signs.purge_head
    due = head if back else min(memory.due, head)
    if done >= head:
        return replace(memory, due=due, owes=0)
    if memory.owes == 0 or done >= memory.owes:
        # Of a storm of purges it is always behind: what counts is that it gets on.
        return replace(memory, due=due, owes=head, owes_since=now)
    return replace(memory, due=due)


def _steady(signs: Signs, *, alive: bool, rules: HealthRules) -> bool:
    beat = signs.heartbeat
    return alive and beat.ready and not beat.draining and not _unreachable(signs, rules)


def _unreachable(signs: Signs, rules: HealthRules) -> bool:
    """Whether no monitor reaches the edge; one that does is believed."""
    return bool(signs.probes) and len(unreached(signs, rules)) == len(signs.probes)


def _fallen(memory: Memory, now: float, rules: HealthRules) -> Memory:
    return replace(memory, falls=_falls(memory, now, rules) + 1, fell_at=now, steady_since=now)


def _falls(memory: Memory, now: float, rules: HealthRules) -> float:
    """How often the edge fell, with what is forgiven by ``now`` taken off."""
    if memory.falls == 0:
        return 0.0
    return float(memory.falls * 0.5 ** (max(0.0, now - memory.fell_at) / rules.fall_forgiven))


def _by_order(signs: Signs) -> bool:
    return signs.standing is not EdgeStanding.IN_SERVICE


def _ordered(signs: Signs, *, alive: bool, silent: bool, rules: HealthRules) -> _Out | None:
    """What takes an edge out without any judgement: orders, silence, and heartbeats that have ended
    with the credential that let them in, however well the edge answers probes."""
    order = signs.order or "an operator's order"
    if signs.standing is EdgeStanding.MAINTENANCE:
        return _Out(EdgeState.MAINTENANCE, order)
    untrusted = UNTRUSTED.get(signs.credential)
    if not alive:
        told = f"not heard of for {rules.silence:g} s"
        return _Out(EdgeState.DOWN, f"{told}: {untrusted}" if untrusted else told)
    if untrusted and silent:
        # Taking one back is an order. Time is none: credentials that end on the same day do not
        # take all edges from a region.
        expired = signs.credential is Credential.EXPIRED
        return _Out(EdgeState.DOWN, untrusted, EXPIRED_SPARE if expired else 0.0)
    if signs.standing is EdgeStanding.DRAINING:
        return _Out(EdgeState.DRAINING, order)
    if signs.heartbeat.draining:
        return _Out(EdgeState.DRAINING, "it lets its viewers go")
    return None


def _unfit(signs: Signs, memory: Memory, rules: HealthRules) -> _Out | None:
    """Why an edge cannot take viewers now, however well it was."""
    if not signs.heartbeat.ready:
        return _Out(EdgeState.STARTING, "it is not ready")
    if signs.heartbeat.purges < memory.due:
        return _Out(EdgeState.STARTING, f"it has to carry out the purges up to {memory.due}")
    if _unreachable(signs, rules):
        several = "no control plane reaches it, though its heartbeats come"
        return _Out(EdgeState.DOWN, several, UNREACHED_SPARE)
    return None


def _settling(memory: Memory, now: float, rules: HealthRules) -> _Out | None:
    """Whether an edge that fell has to be steady for longer before it takes viewers again."""
    if memory.falls == 0:
        return None
    falls = _falls(memory, memory.steady_since, rules)
    wait = min(rules.steady_most, rules.steady * 2 ** max(0.0, falls - 1))
    if now - memory.steady_since >= wait:
        return None
    reason = f"back, and up once it has been steady for {wait:.0f} s"
    return _Out(EdgeState.STARTING, reason, FLAPPING_SPARE)


def _taking(
    serving: EdgeHealth | None,
    signs: Signs,
    memory: Memory,
    *,
    passed: float,
    now: float,
    rules: HealthRules,
) -> EdgeHealth:
    """The health of an edge that takes viewers, for ``passed`` seconds as ``signs`` say: up or
    degraded, and with which share."""
    degraded = serving is not None and serving.state is EdgeState.DEGRADED
    wrong = troubles(signs, memory, degraded=degraded, now=now, rules=rules)
    if serving is not None:
        change = passed / rules.bad_for if wrong else -passed / rules.good_for
        memory = replace(memory, strain=min(1.0, max(0.0, memory.strain + change)))
    degraded = memory.strain > 0 if degraded else memory.strain >= 1
    state = EdgeState.DEGRADED if degraded else EdgeState.UP
    share = _share(serving, signs, memory, passed, rules)
    if degraded:
        share = min(share, rules.degraded_share)
    return EdgeHealth(
        state=state,
        since=serving.since if serving is not None and serving.state is state else now,
        share=share,
        reason=_reason(serving, wrong, share, signs, degraded=degraded),
        alive=True,
        spare=0.0,
        memory=replace(memory, served=True, warm=memory.warm or share >= 1),
    )


def _share(
    serving: EdgeHealth | None, signs: Signs, memory: Memory, passed: float, rules: HealthRules
) -> float:
    """How much an edge gets that nothing is wrong with: what it holds bounds it until it has had
    everything once, and no more is given at a time than it warms up by."""
    least = rules.first_share
    before = max(least, serving.share) if serving is not None else least
    bound = 1.0 if memory.warm else min(1.0, max(before, signs.held / rules.held_enough))
    if not memory.served:
        return bound
    more = (1 - least) * passed / rules.warm_up if serving is not None else 0.0
    return min(bound, before + more)


def _reason(
    serving: EdgeHealth | None, wrong: list[str], share: float, signs: Signs, *, degraded: bool
) -> str:
    if degraded:
        if wrong:
            return "; ".join(wrong)
        return serving.reason if serving is not None else ""
    if share < 1:
        return f"warms up: {share:.0%} of its share, holds {signs.held:.0%}"
    return ""
