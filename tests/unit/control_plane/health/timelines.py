"""Simulated edges: what their signs were second by second, and what was judged of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.messages import EdgeStanding
from control_plane.health import (
    Credential,
    EdgeHealth,
    HealthRules,
    Outlook,
    Probed,
    Signs,
    look,
)
from tests.unit.control_plane.records import heartbeat

RULES = HealthRules()


@dataclass
class SimulatedEdge:
    """An edge that sends a heartbeat each second while it is alive."""

    name: str = "eu-1"
    alive: bool = True
    beats: bool = True
    """Whether its heartbeats come through."""
    started_at: float = 100.0
    purge_head: int = 0
    held: float = 1.0
    standing: EdgeStanding = EdgeStanding.IN_SERVICE
    credential: Credential = Credential.VALID
    probes: dict[str, Probed] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    """Of its heartbeats."""
    each_second: dict[str, int] = field(default_factory=dict)
    """By how much its totals rise."""
    sequence: int = 0
    beat_at: float = -1e9

    def restart(self, **facts: Any) -> None:
        self.started_at += 1000.0
        self.sequence = 0
        self.facts = facts

    def die(self) -> None:
        self.alive = False

    def live(self) -> None:
        self.alive = True

    def tells(self, **facts: Any) -> Callable[[], None]:
        """What has its heartbeats tell ``facts`` from then on."""
        return lambda: self.facts.update(facts)

    def beat(self, now: float) -> None:
        if self.alive and self.beats:
            self.sequence += 1
            self.beat_at = now
            for total, more in self.each_second.items():
                self.facts[total] = self.facts.get(total, 0) + more

    def signs(self) -> Signs:
        beat = heartbeat(self.name, self.sequence, started_at=self.started_at, **self.facts)
        return Signs(
            heartbeat=beat,
            beat_at=self.beat_at,
            purge_head=self.purge_head,
            held=self.held,
            probes=dict(self.probes),
            standing=self.standing,
            credential=self.credential,
        )


Script = Mapping[float, Callable[[], object]]
"""What happens, by second."""


@dataclass
class Watched:
    """A control plane that judges simulated edges every quarter of a second."""

    edges: tuple[SimulatedEdge, ...]
    rules: HealthRules = RULES
    now: float = 0.0
    outlook: Outlook = field(default_factory=lambda: Outlook({}, blind=False))
    lines: list[str] = field(default_factory=list)
    """A line for each change of state."""
    each_second: Callable[[float], object] = lambda _: None
    """What happens at each full second."""

    @property
    def first(self) -> EdgeHealth:
        return self.outlook.edges[self.edges[0].name]

    def watch(self, seconds: float, script: Script | None = None) -> "Watched":
        waiting = sorted((script or {}).items())
        end = self.now + seconds
        started = self.now
        while self.now < end:
            while waiting and started + waiting[0][0] <= self.now:
                waiting.pop(0)[1]()
            if self.now % 1 == 0:
                for edge in self.edges:
                    edge.beat(self.now)
                self.each_second(self.now)
            self.judge()
            self.now += 0.25
        return self

    def judge(self) -> None:
        before = self.outlook
        signs = {edge.name: edge.signs() for edge in self.edges}
        self.outlook = look(before.edges, signs, now=self.now, rules=self.rules)
        for name, health in self.outlook.edges.items():
            known = before.edges.get(name)
            if known is None or known.state is not health.state:
                reason = f": {health.reason}" if health.reason else ""
                self.lines.append(f"{self.now:g} s {name} {health.state}{reason}")
        if self.outlook.blind is not before.blind:
            self.lines.append(f"{self.now:g} s {'blind' if self.outlook.blind else 'sees again'}")
