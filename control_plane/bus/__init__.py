"""Hints between control planes: one port, memory and Redis behind it."""

from control_plane.bus.memory import MemoryBus, MemoryHub
from control_plane.bus.opening import open_bus
from control_plane.bus.port import HINT_AT_MOST, Bus, Hint, HintKind
from control_plane.bus.redis import RedisBus

__all__ = [
    "HINT_AT_MOST",
    "Bus",
    "Hint",
    "HintKind",
    "MemoryBus",
    "MemoryHub",
    "RedisBus",
    "open_bus",
]
