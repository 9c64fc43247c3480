"""The hottest objects, whole, in memory: a hit there waits for no thread and no disk."""

from collections import OrderedDict


class MemoryTier:
    """Objects' bytes by file name, least recently used first out, within a budget."""

    def __init__(self, budget: int) -> None:
        """Keeps at most ``budget`` bytes; an object of more than an eighth of it is not kept."""
        self._budget = budget
        self._objects: OrderedDict[str, bytes] = OrderedDict()
        self.used = 0
        """Bytes."""

    def get(self, file: str) -> bytes | None:
        """The bytes of ``file``, if they are here."""
        found = self._objects.get(file)
        if found is not None:
            self._objects.move_to_end(file)
        return found

    def fits(self, size: int) -> bool:
        """Whether an object of ``size`` bytes would be kept."""
        return size * 8 <= self._budget

    def put(self, file: str, data: bytes) -> None:
        """Keeps ``data``, if it fits."""
        if not self.fits(len(data)):
            return
        self.remove(file)
        self._objects[file] = data
        self.used += len(data)
        while self.used > self._budget:
            _, dropped = self._objects.popitem(last=False)
            self.used -= len(dropped)

    def remove(self, file: str) -> None:
        """Forgets ``file``."""
        dropped = self._objects.pop(file, None)
        self.used -= len(dropped) if dropped is not None else 0
