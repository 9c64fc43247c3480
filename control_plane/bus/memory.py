"""Hints within one process."""

import asyncio
from collections.abc import Callable

from control_plane.bus.handlers import Handlers
from control_plane.bus.port import Hint


class MemoryHub:
    """Where the buses of one process meet."""

    def __init__(self) -> None:
        self.buses: list[MemoryBus] = []


class MemoryBus:
    """The adapter for one control plane, and for several in one process."""

    trouble: str | None = None

    def __init__(self, hub: MemoryHub) -> None:
        self._hub = hub
        self.handlers = Handlers()
        hub.buses.append(self)

    def publish(self, hint: Hint) -> None:
        """See the port."""
        loop = asyncio.get_running_loop()
        for bus in self._hub.buses:
            if bus is not self:
                # Later, as over a network, so that nobody hears in the middle of telling.
                loop.call_soon(bus.handlers.tell, hint)

    def subscribe(self, handler: Callable[[Hint], None]) -> None:
        """See the port."""
        self.handlers.add(handler)

    async def close(self) -> None:
        """See the port."""
        if self in self._hub.buses:
            self._hub.buses.remove(self)
