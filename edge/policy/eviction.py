"""What leaves a full cache: the least recently used of what placement did not ask for."""

from collections import OrderedDict
from collections.abc import Iterable


class Recency:
    """Keys with their sizes, in the order of their last use. Pinned ones are never offered."""

    def __init__(self) -> None:
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._pinned: frozenset[str] = frozenset()
        self.total = 0
        """Bytes of all keys."""

    def __contains__(self, key: str) -> bool:
        return key in self._sizes

    def __len__(self) -> int:
        return len(self._sizes)

    def add(self, key: str, size: int) -> None:
        """Takes a key in as the most recently used; it may be there already with another size."""
        self.total += size - self._sizes.pop(key, 0)
        self._sizes[key] = size

    def remove(self, key: str) -> None:
        """Forgets a key; nothing happens when it is not there."""
        self.total -= self._sizes.pop(key, 0)

    def touch(self, key: str) -> None:
        """Notes that a key was used; nothing happens when it is not there."""
        if key in self._sizes:
            self._sizes.move_to_end(key)

    def pin(self, keys: Iterable[str]) -> None:
        """Makes ``keys``, and no others, the ones that never leave by themselves."""
        self._pinned = frozenset(keys)

    def victims(self, surplus: int) -> list[str]:
        """Keys whose removal frees ``surplus`` bytes, the least recently used first."""
        chosen: list[str] = []
        for key, size in self._sizes.items():
            if surplus <= 0:
                break
            if key not in self._pinned:
                chosen.append(key)
                surplus -= size
        return chosen
