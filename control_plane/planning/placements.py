"""What every edge should hold: the rows of the plan, in memory, and what of them is news to an
edge.

An edge is told what changed since the revision that it knows. A row remembers who lost it, so that
this needs no log: the rows that are newer say all.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping

from common.messages import DesiredChange, DesiredPackage, PackageName
from control_plane.catalog import History
from control_plane.planning.port import PlanRow


def follows(rows: Iterable[PlanRow], head: int, last: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether ``rows``, all of those from revision ``head`` on, are of the plan whose revision
    ``head`` says ``last``: what has changed since then apart, they say the same of it."""
    found = {row.asset_id: row for row in rows}
    return last.keys() <= found.keys() and all(
        last.get(row.asset_id) == row.edges for row in found.values() if row.revision == head
    )


class Placements:
    """The rows of the plan."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._rows: dict[str, PlanRow] = {}
        """By asset, in the order of their revisions."""
        self._revisions: dict[str, int] = {}
        """By edge, the last revision in which something of it changed."""
        self.head = 0
        """The last revision that is known."""
        self._replaced = False
        """Whether this is another plan than the one that edges were told at first."""
        self._whole: dict[str, int] = {}
        """The revisions of this one at which edges were told all that they should hold."""

    def __len__(self) -> int:
        """How many assets were ever placed."""
        return len(self._rows)

    def take(self, rows: Iterable[PlanRow]) -> None:
        """Learns rows, all those of a revision at once."""
        for row in sorted(rows, key=lambda row: row.revision):
            known = self._rows.get(row.asset_id)
            if known is not None and known.revision >= row.revision:
                continue
            self._rows.pop(row.asset_id, None)
            self._rows[row.asset_id] = row
            for edge_id in itertools.chain(row.edges, row.lost):
                self._revisions[edge_id] = row.revision
            self.head = max(self.head, row.revision)

    def replace(self, rows: Iterable[PlanRow]) -> None:
        """Learns rows in place of all that is known, as the database has another plan: an older
        copy of it was restored. Numbers of the one before say nothing about this one, so every edge
        is told everything."""
        self._rows, self._revisions, self.head = {}, {}, 0
        self._replaced, self._whole = True, {}
        self.take(rows)

    @property
    def last(self) -> Mapping[str, tuple[str, ...]]:
        """What the last revision says: edges by asset."""
        rows = reversed(self._rows.values())
        return {
            row.asset_id: row.edges
            for row in itertools.takewhile(lambda row: row.revision == self.head, rows)
        }

    def row(self, asset_id: str) -> PlanRow | None:
        """The row of an asset."""
        return self._rows.get(asset_id)

    def rows(self) -> Mapping[str, PlanRow]:
        """All rows, by asset."""
        return self._rows

    def edges(self, asset_id: str) -> tuple[str, ...]:
        """The edges that should hold an asset, the best of each region before the others."""
        row = self._rows.get(asset_id)
        return row.edges if row else ()

    def revision(self, edge_id: str) -> int:
        """The revision of what an edge should hold; 0 when there never was anything."""
        return self._revisions.get(edge_id, 0)

    def change(self, edge_id: str, since: int) -> DesiredChange | None:
        """What is news to an edge that knows revision ``since``; None for nothing.

        An edge that knows what never was, as its control planes have lost their database, is told
        everything; but as long as there is no plan at all, it keeps what it holds.
        """
        revision = self.revision(edge_id)
        anew = self._replaced and since < self._whole.get(edge_id, math.inf)
        if not self._rows or (since == revision and not anew):
            return None
        if anew or not 0 < since < revision:
            self._whole[edge_id] = revision
            return DesiredChange(edge_id, 0, revision, tuple(self._wanted(edge_id, 0)))
        dropped = tuple(self._dropped(edge_id, since))
        return DesiredChange(edge_id, since, revision, tuple(self._wanted(edge_id, since)), dropped)

    def _newer(self, since: int) -> Iterator[PlanRow]:
        """The rows that are newer than ``since``, the newest first."""
        return itertools.takewhile(lambda row: row.revision > since, reversed(self._rows.values()))

    def _wanted(self, edge_id: str, since: int) -> Iterator[DesiredPackage]:
        for row in self._newer(since):
            asset = self._history.assets.get(row.asset_id)
            if asset is None or edge_id not in row.edges:
                continue
            for package in asset.packages:
                told = package.announcement
                yield DesiredPackage(
                    asset_id=told.asset_id,
                    version=told.version,
                    manifest_key=told.manifest_key,
                    manifest_sha256=told.manifest_sha256,
                    bytes=told.bytes,
                    urgent=row.urgent,
                    priority=row.priority,
                )

    def _dropped(self, edge_id: str, since: int) -> Iterator[PackageName]:
        for row in self._newer(since):
            for package, removal_id in self._history.versions(row.asset_id):
                gone = edge_id in row.lost or (edge_id in row.edges and removal_id is not None)
                if gone:
                    yield PackageName(row.asset_id, package.announcement.version)
