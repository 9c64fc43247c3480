"""What a viewer will want next: the segments after the one it has got, as its playlist says."""

from collections import OrderedDict
from collections.abc import Sequence

MOST_SEGMENTS = 100_000
"""Segments remembered, of all playlists."""
MOST_OF_ONE = 10_000
"""Segments remembered of one playlist, the last ones."""


class Watching:
    """The playlists that are being watched, the least recently used forgotten first."""

    def __init__(self) -> None:
        self._playlists: OrderedDict[str, tuple[object, tuple[str, ...]]] = OrderedDict()
        self._places: dict[str, tuple[str, int]] = {}
        """Segment to its playlist, and its place there."""

    def __len__(self) -> int:
        return len(self._places)

    def knows(self, playlist: str, edition: object) -> bool:
        """Whether this edition of ``playlist`` was learnt."""
        found = self._playlists.get(playlist)
        return found is not None and found[0] == edition

    def learn(self, playlist: str, edition: object, segments: Sequence[str]) -> None:
        """Remembers the segments of ``playlist``, in their order, in place of what was known.

        Args:
            playlist: its cache key.
            edition: anything that another version of it does not have.
            segments: their targets.
        """
        self.forget(playlist)
        kept = tuple(segments[-MOST_OF_ONE:])
        self._playlists[playlist] = (edition, kept)
        for place, segment in enumerate(kept):
            self._places[segment] = (playlist, place)
        while len(self._places) > MOST_SEGMENTS:
            self.forget(next(iter(self._playlists)))

    def forget(self, playlist: str) -> None:
        """Forgets a playlist; nothing happens when it is not known."""
        _, segments = self._playlists.pop(playlist, (None, ()))
        for segment in segments:
            if self._places.get(segment, ("", 0))[0] == playlist:
                del self._places[segment]

    def following(self, segment: str, count: int) -> tuple[str, ...]:
        """The ``count`` segments after ``segment``; none when no playlist has it."""
        found = self._places.get(segment)
        if found is None:
            return ()
        playlist, place = found
        self._playlists.move_to_end(playlist)
        return self._playlists[playlist][1][place + 1 : place + 1 + count]
