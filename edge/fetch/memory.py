"""What is remembered of keys besides what is stored: bounded, and lost with the process."""

from collections import OrderedDict
from typing import TypeVar

from common.clock import Clock

UNSHARED_FOR = 30.0
"""Seconds that requests for what could not be shared are not made to wait for each other."""
MOST = 10_000
"""Keys that are remembered, of each kind."""

T = TypeVar("T")


class Memory:
    """What responses under a key were like, and what changed them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._vary: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._unshared: OrderedDict[str, float] = OrderedDict()
        self._changes: OrderedDict[str, int] = OrderedDict()

    def vary(self, key: str) -> tuple[str, ...]:
        """The names in Vary of the last response under ``key``."""
        return self._vary.get(key, ())

    def set_vary(self, key: str, names: tuple[str, ...]) -> None:
        """Remembers the names in Vary."""
        _remember(self._vary, key, names)

    def is_unshared(self, key: str) -> bool:
        """Whether the last response under ``key`` was one that viewers cannot share."""
        until = self._unshared.get(key)
        return until is not None and until > self._clock.monotonic()

    def set_shared(self, key: str, *, shared: bool) -> None:
        """Remembers whether viewers could share a response."""
        if shared:
            self._unshared.pop(key, None)
        else:
            _remember(self._unshared, key, self._clock.monotonic() + UNSHARED_FOR)

    def changes(self, key: str) -> int:
        """How often unsafe requests have changed what is under ``key``, lately."""
        return self._changes.get(key, 0)

    def count_change(self, key: str) -> None:
        """Notes that an unsafe request changed what is under ``key``."""
        _remember(self._changes, key, self.changes(key) + 1)


def _remember(memory: OrderedDict[str, T], key: str, value: T) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > MOST:
        memory.popitem(last=False)
