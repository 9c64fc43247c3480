"""What the parts of an edge count, as metrics."""

from edge.fetch.fetches import Fetches
from edge.fetch.pool import Pool
from edge.fetch.wire import Endpoint
from edge.fill import FillAgent
from edge.policy.standing import Standing
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
        *_of_sources(fetches.upstream.standing),
        *(_of_filling(agent) if agent is not None else ()),
    ]


def _of_sources(standing: Standing[Endpoint]) -> list[Reading]:
    """What came from whom, and what did not."""
    received, failures = standing.bytes, standing.failures
    told = [
        ("bytes_from_shield", "Bytes from the edge that shields.", received["shield"]),
        ("bytes_from_peers", "Bytes from other edges.", received["peer"]),
        ("bytes_from_origin", "Bytes from origins.", received["origin"]),
        ("source_away", "Requests that nobody answered.", failures["away"]),
        ("source_errors", "Answers that were errors.", failures["error"]),
        ("source_broken", "Transfers that broke off or stalled.", failures["broke"]),
        ("source_wrong_bytes", "Objects with other bytes.", failures["wrong"]),
    ]
    return [Reading(f"nearcast_edge_{name}", help_, value, True) for name, help_, value in told]


def _of_filling(agent: FillAgent) -> list[Reading]:
    troubled, changed = agent.trouble
    told = [
        ("window_open", "Whether what is not urgent may be filled.", agent.window_open),
        ("rate_bits", "Bits per second that filling may take; 0 for any.", agent.rate),
        ("troubled_packages", "Packages of which something failed.", troubled),
        ("changed_packages", "Packages that are not what was published.", changed),
    ]
    return [Reading(f"nearcast_edge_fill_{name}", help_, value) for name, help_, value in told]
