"""Opening the bus between control planes."""

from control_plane.bus.memory import MemoryBus, MemoryHub
from control_plane.bus.port import Bus
from control_plane.bus.redis import RedisBus


def open_bus(redis: str | None) -> Bus:
    """The bus over the Redis server at ``redis``; without one, that of a control plane alone.

    Raises:
        SettingsInvalid: the URL is none.
    """
    return MemoryBus(MemoryHub()) if redis is None else RedisBus(redis)
