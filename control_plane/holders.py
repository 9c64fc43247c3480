"""Which edges hold a version whole: what edges tell of packages, turned round, so that a route asks
nobody edge by edge."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from common.messages import PackageName


class Holders:
    """By version, the edges that hold it."""

    def __init__(self) -> None:
        self._edges: dict[PackageName, tuple[str, ...]] = {}

    def of(self, name: PackageName) -> tuple[str, ...]:
        """The edges that hold a version; the same object as long as they are the same."""
        return self._edges.get(name, ())

    def change(
        self, edge_id: str, touched: Iterable[PackageName], whole: AbstractSet[PackageName]
    ) -> None:
        """An edge tells of the versions ``touched``, of which it holds those that are ``whole``."""
        for name in touched:
            known = self._edges.get(name, ())
            if name in whole:
                if edge_id not in known:
                    self._edges[name] = (*known, edge_id)
            elif edge_id in known:
                self._edges[name] = tuple(each for each in known if each != edge_id)
                if not self._edges[name]:
                    del self._edges[name]
