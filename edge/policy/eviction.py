"""What leaves a full cache: S3-FIFO (Yang et al., "FIFO queues are all you need for cache
eviction", SOSP 2023), with sizes.

New objects enter a small queue; those used again while there, or asked for again soon after they
left it, get into the main queue, where use buys another turn. So what is asked for once passes by
what is asked for often. Queues hold numbers only, as an edge holds millions of objects.

Two parameters differ from the paper's (a tenth, and up to three turns), since what viewers watch
drifts: ``tests/bench/hit_ratio.py`` shows that a single turn, and in larger caches a larger small
queue, gain more there than they lose where popularity stands still.
"""

from collections import OrderedDict, deque
from collections.abc import Callable

Uses = bytearray | memoryview
"""Counters of uses, a byte each, which go no further than ``MOST_USES``."""

SMALL_SHARE = 0.25
"""Part of the budget that the small queue has before it gives way."""
LARGEST_SHARE = 8
"""An object may take one part in this of the budget."""
LARGE_SHARE = 16
"""One that takes more than one part in this of a full cache must have been asked for before."""
MOST_USES = 1
"""Turns in the main queue that uses buy."""
MOST_GHOSTS = 1 << 20
PINS_LOOKED_AT = 4
"""Pinned objects that each eviction looks at again, as pins come and go."""


def note_use(uses: Uses, number: int) -> None:
    """Counts a use of object ``number``; any process may, at any time."""
    index = number & (len(uses) - 1)
    if uses[index] < MOST_USES:
        uses[index] += 1


class Eviction:
    """The objects of a cache, and which of them go next."""

    def __init__(self, budget: int, uses: Uses) -> None:
        """Keeps the reckoning of a cache.

        Args:
            budget: bytes that it may have.
            uses: counters of uses, shared by all processes; as many as a power of two.
                Objects whose numbers are that far apart share one.
        """
        self._budget = budget
        self._uses = uses
        self._mask = len(uses) - 1
        self._sizes: dict[int, int] = {}
        self._prints: dict[int, int] = {}
        """Fingerprints of what is in the small queue."""
        self._small: deque[int] = deque()
        self._main: deque[int] = deque()
        self._pinned: deque[int] = deque()
        """What was found pinned, out of the others' way."""
        self._small_bytes = 0
        self._ghosts: OrderedDict[int, None] = OrderedDict()
        self.total = 0
        """Bytes of all objects."""

    def __len__(self) -> int:
        return len(self._sizes)

    def __contains__(self, number: int) -> bool:
        return number in self._sizes

    def is_small(self, size: int) -> bool:
        """Whether an object of ``size`` bytes is worth its room however full the cache is."""
        return size * LARGE_SHARE <= self._budget and size * LARGEST_SHARE <= self._budget

    def admits(self, size: int, fingerprint: int) -> bool:
        """Whether an object of ``size`` bytes is worth the room it takes.

        While there is room any is, up to an eighth of the budget. In a full cache a large one has
        to be asked for twice before others leave for it. Asking counts.
        """
        if size * LARGEST_SHARE > self._budget:
            return False
        if self.total + size <= self._budget or size * LARGE_SHARE <= self._budget:
            return True
        if fingerprint in self._ghosts:
            return True
        self._remember(fingerprint)
        return False

    def add(self, number: int, size: int, fingerprint: int, *, kept: bool = False) -> None:
        """Takes in an object.

        Args:
            number: its number, never used before.
            size: its bytes.
            fingerprint: of its key: the same for each object that is stored under it.
            kept: whether it has earned its place already.
        """
        self.remove(number)
        self._sizes[number] = size
        self.total += size
        self._uses[number & self._mask] = 0
        if kept or fingerprint in self._ghosts:
            self._ghosts.pop(fingerprint, None)
            self._main.append(number)
        else:
            self._small.append(number)
            self._prints[number] = fingerprint
            self._small_bytes += size

    def resize(self, number: int, size: int) -> None:
        """Notes that an object has ``size`` bytes now."""
        before = self._sizes.get(number)
        if before is None:
            return
        self._sizes[number] = size
        self.total += size - before
        if number in self._prints:
            self._small_bytes += size - before

    def remove(self, number: int) -> None:
        """Forgets an object; its place in a queue is passed over later."""
        size = self._sizes.pop(number, None)
        if size is None:
            return
        self.total -= size
        if self._prints.pop(number, None) is not None:
            self._small_bytes -= size
        queued = len(self._small) + len(self._main) + len(self._pinned)
        if queued > 2 * len(self._sizes) + 1024:
            self._small = deque(item for item in self._small if item in self._prints)
            kept = (item for item in self._main if item in self._sizes)
            self._main = deque(item for item in kept if item not in self._prints)
            self._pinned = deque(item for item in self._pinned if item in self._sizes)

    def victims(self, surplus: int, is_pinned: Callable[[int], bool]) -> list[int]:
        """Takes out objects whose removal frees ``surplus`` bytes, or as many as may go.

        Args:
            surplus: bytes to free.
            is_pinned: whether an object must stay.
        """
        for _ in range(min(PINS_LOOKED_AT, len(self._pinned))):
            self._look_at_pinned(is_pinned)
        chosen = self._take(surplus, is_pinned)
        left = surplus - sum(self._sizes.pop(number) for number in chosen)
        if left > 0 and self._pinned:
            # Nothing else is left: perhaps what was pinned is no more.
            for _ in range(len(self._pinned)):
                self._look_at_pinned(is_pinned)
            more = self._take(left, is_pinned)
            for number in more:
                del self._sizes[number]
            chosen += more
        return chosen

    def _take(self, surplus: int, is_pinned: Callable[[int], bool]) -> list[int]:
        """Takes objects out of the queues; their sizes are left to be forgotten."""
        chosen: list[int] = []
        # Each object is looked at as often as its uses allow.
        turns = (len(self._small) + len(self._main) + 1) * (MOST_USES + 3)
        while surplus > 0 and turns > 0 and (self._small or self._main):
            turns -= 1
            full = self._small_bytes > self._budget * SMALL_SHARE
            small = bool(self._small) and (full or not self._main)
            number = self._from_small(is_pinned) if small else self._from_main(is_pinned)
            if number is None:
                continue
            size = self._sizes[number]
            surplus -= size
            self.total -= size
            if self._prints.pop(number, None) is not None:
                self._small_bytes -= size
            chosen.append(number)
        return chosen

    def _look_at_pinned(self, is_pinned: Callable[[int], bool]) -> None:
        number = self._pinned.popleft()
        if number not in self._sizes:
            return
        if is_pinned(number):
            self._pinned.append(number)
        else:
            self._main.append(number)

    def _from_small(self, is_pinned: Callable[[int], bool]) -> int | None:
        number = self._small.popleft()
        fingerprint = self._prints.get(number)
        if fingerprint is None:
            return None
        pinned = is_pinned(number)
        if self._uses[number & self._mask] == 0 and not pinned:
            self._remember(fingerprint)
            return number
        del self._prints[number]
        self._small_bytes -= self._sizes[number]
        self._uses[number & self._mask] = 0
        (self._pinned if pinned else self._main).append(number)
        return None

    def _from_main(self, is_pinned: Callable[[int], bool]) -> int | None:
        number = self._main.popleft()
        if number not in self._sizes or number in self._prints:
            return None
        index = number & self._mask
        if is_pinned(number):
            self._pinned.append(number)
            return None
        if self._uses[index] == 0:
            return number
        self._uses[index] -= 1
        self._main.append(number)
        return None

    def _remember(self, fingerprint: int) -> None:
        self._ghosts[fingerprint] = None
        self._ghosts.move_to_end(fingerprint)
        # As many as there are objects, as in the paper; some when there are few.
        while len(self._ghosts) > min(MOST_GHOSTS, max(1024, len(self._sizes))):
            self._ghosts.popitem(last=False)
