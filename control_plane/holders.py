"""Which edges hold a version whole: what edges tell of packages, turned round, so that a route asks
nobody edge by edge."""

from collections.abc import Iterable, Mapping

from common.messages import HeldPackage, PackageName


class Holders:
    """By version, the edges that hold it."""

    def __init__(self) -> None:
        self._edges: dict[PackageName, tuple[str, ...]] = {}

    def of(self, name: PackageName) -> tuple[str, ...]:
        """The edges that hold a version; the same object as long as they are the same."""
        return self._edges.get(name, ())

    def change(
        self,
        edge_id: str,
        touched: Iterable[PackageName],
        held: Mapping[PackageName, HeldPackage],
    ) -> None:
        """An edge tells of the versions ``touched``; what it has of any now is in ``held``."""
        for name in touched:
            known, package = self._edges.get(name, ()), held.get(name)
            if package is not None and package.complete:
                if edge_id not in known:
                    self._edges[name] = (*known, edge_id)
            elif edge_id in known:
                self._edges[name] = tuple(each for each in known if each != edge_id)
                if not self._edges[name]:
                    del self._edges[name]
