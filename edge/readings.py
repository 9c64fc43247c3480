"""What the parts of an edge count, as metrics."""

from edge.fetch.fetches import Fetches
from edge.fetch.pool import Pool
from edge.fill import FillAgent
from edge.serve.access_log import AccessLog
from edge.serve.counters import Reading
from edge.store import Cache


def readings(
    cache: Cache, pool: Pool, fetches: Fetches, agent: FillAgent | None, log: AccessLog | None
) -> list[Reading]:
    """The present values of one process."""
    pending, pending_bytes = agent.pending if agent is not None else (0, 0)
    prefix = "nearcast_edge"
    return [
        Reading(f"{prefix}_objects", "Objects on disk.", len(cache)),
        Reading(f"{prefix}_disk_bytes", "Bytes of objects on disk.", cache.used),
        Reading(f"{prefix}_disk_budget_bytes", "Bytes they may take.", cache.disk_budget),
        Reading(f"{prefix}_memory_objects", "Objects in memory.", len(cache.memory)),
        Reading(f"{prefix}_memory_bytes", "Bytes of objects in memory.", cache.memory.used),
        Reading(f"{prefix}_memory_budget_bytes", "Bytes they may take.", cache.memory.budget),
        Reading(f"{prefix}_evictions", "Objects evicted.", cache.evictions, rises=True),
        Reading(f"{prefix}_corrupted_objects", "Damaged objects.", cache.corrupted, rises=True),
        Reading(f"{prefix}_disk_errors", "Failed reads, writes.", cache.disk_errors, rises=True),
        Reading(f"{prefix}_upstream_requests", "Requests sent.", pool.requests, rises=True),
        Reading(f"{prefix}_upstream_bytes", "Bytes received.", pool.bytes_received, rises=True),
        Reading(f"{prefix}_fetches", "Responses on their way in.", len(fetches)),
        Reading(f"{prefix}_fill_pending_objects", "Objects to be filled.", pending),
        Reading(f"{prefix}_fill_pending_bytes", "Bytes to be filled.", pending_bytes),
        Reading(
            f"{prefix}_access_log_dropped",
            "Requests not logged.",
            log.dropped if log is not None else 0,
            rises=True,
        ),
    ]
