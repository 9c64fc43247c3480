"""How edges were found by probes: this control plane's, and those of the others."""

from collections.abc import Mapping
from typing import Final

from control_plane.health import Probed
from control_plane.presence import Found

FORGOTTEN_AFTER: Final = 60.0
"""Seconds after which what a monitor found is forgotten: each start of a control plane is another
monitor."""


class Findings:
    """What every monitor found, by edge."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Probed]] = {}

    def note(self, monitor: str, edge_id: str, probed: Probed) -> None:
        """A monitor has found an edge so."""
        kept = {
            name: each
            for name, each in self._found.get(edge_id, {}).items()
            if probed.at - each.at < FORGOTTEN_AFTER
        }
        self._found[edge_id] = {**kept, monitor: probed}

    def take(self, monitor: str, found: Found, now: float) -> None:
        """Another control plane told at ``now`` how it found an edge."""
        self.note(
            monitor,
            found.edge_id,
            Probed(
                at=now - found.age,
                reached_at=found.reached_at(now),
                failures=found.failures,
                refused=found.refused,
                wrong=found.wrong,
            ),
        )

    def of(self, edge_id: str) -> Mapping[str, Probed]:
        """By monitor, how an edge was found last."""
        return self._found.get(edge_id, {})
