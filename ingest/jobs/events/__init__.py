"""Word that a job changed: one port, memory and Redis behind it.

Events only save listeners the wait; whoever listens also reads the database now and then.
"""

from ingest.jobs.events.memory import MemoryEvents
from ingest.jobs.events.port import Events, Subscription
from ingest.jobs.events.redis import RedisEvents

__all__ = ["Events", "MemoryEvents", "RedisEvents", "Subscription"]
