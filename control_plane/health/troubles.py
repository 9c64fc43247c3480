"""What is wrong with an edge that is alive, in words.

What it takes to be called bad is more than what it takes to go on being called so: otherwise an
edge at the limit would be one and the other in turn.
"""

from collections.abc import Iterator

from control_plane.health.model import HealthRules, Memory, Signs


def troubles(
    signs: Signs, memory: Memory, *, degraded: bool, now: float, rules: HealthRules
) -> list[str]:
    """Why the edge should get fewer viewers, in clauses; none when it is well.

    Args:
        signs: what is known of it.
        memory: of its past, ``signs`` included.
        degraded: whether it is called bad already.
        now: seconds, as in ``signs``.
        rules: what is too much.
    """
    return [
        *_overload(signs, rules.busy_no_more if degraded else rules.busy),
        *_errors(memory, degraded=degraded, now=now, rules=rules),
        *_reach(signs, memory, now, rules),
        *_purges(memory, now, rules),
    ]


def _overload(signs: Signs, limit: float) -> Iterator[str]:
    beat = signs.heartbeat
    if beat.load >= limit:
        yield f"its processors are busy ({beat.load:.0%})"
    if beat.bandwidth and beat.sending >= limit * beat.bandwidth:
        yield f"it sends {beat.sending / beat.bandwidth:.0%} of what it can"


def _errors(memory: Memory, *, degraded: bool, now: float, rules: HealthRules) -> Iterator[str]:
    if memory.failing >= (rules.failing_no_more if degraded else rules.failing):
        yield f"{memory.failing:.0%} of its answers are errors"
    if now - memory.disk_failed_at < rules.disk_remembered:
        yield "its disk fails"


def _reach(signs: Signs, memory: Memory, now: float, rules: HealthRules) -> Iterator[str]:
    if any(probed.wrong for probed in signs.probes.values()):
        yield "it serves wrong bytes"
    failing = unreached(signs, rules)
    if failing and 2 * len(failing) >= len(signs.probes):
        yield f"{', '.join(failing)} of {len(signs.probes)} control planes cannot reach it"
    if now - max(signs.beat_at, memory.excused_at) >= rules.silence:
        yield "its heartbeats do not come"


def _purges(memory: Memory, now: float, rules: HealthRules) -> Iterator[str]:
    if memory.owes and now - max(memory.owes_since, memory.excused_at) >= rules.silence:
        yield f"it has not carried out purge {memory.owes}"


def unreached(signs: Signs, rules: HealthRules) -> list[str]:
    """The monitors that cannot reach the edge."""
    return sorted(
        name for name, probed in signs.probes.items() if probed.failures >= rules.probe_failures
    )
