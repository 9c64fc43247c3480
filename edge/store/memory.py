"""The hottest objects, whole, in memory: a hit there waits for no thread and no disk."""

from collections import OrderedDict


class MemoryTier:
    """Objects' bytes by number, least recently used first out, within a budget."""

    def __init__(self, budget: int) -> None:
        """Keeps at most ``budget`` bytes; an object of more than an eighth of it is not kept."""
        self.budget = budget
        self._objects: OrderedDict[int, bytes] = OrderedDict()
        self.used = 0
        """Bytes."""

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, number: int) -> bytes | None:
        """The bytes of object ``number``, if they are here."""
        found = self._objects.get(number)
        if found is not None:
            self._objects.move_to_end(number)
        return found

    def fits(self, size: int) -> bool:
        """Whether an object of ``size`` bytes would be kept."""
        return size * 8 <= self.budget

    def put(self, number: int, data: bytes) -> None:
        """Keeps ``data``, if it fits."""
        if not self.fits(len(data)):
            return
        self.remove(number)
        self._objects[number] = data
        self.used += len(data)
        while self.used > self.budget:
            _, dropped = self._objects.popitem(last=False)
            self.used -= len(dropped)

    def remove(self, number: int) -> None:
        """Forgets object ``number``."""
        dropped = self._objects.pop(number, None)
        self.used -= len(dropped) if dropped is not None else 0
