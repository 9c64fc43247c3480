"""Viewers who are sent to edges all the time, by every control plane, and purges that go on
meanwhile: every answer is judged as it comes."""

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp

from tests.faults.meanwhile import meanwhile

GONE_WITHIN = 3.5
"""Seconds after which nobody is sent to an edge that is gone: the three of the control planes'
default, and what a machine may take that is busy."""
FEW = 10
"""Viewers who say where a control plane sends them now."""
ROUNDING = 1.0
"""Seconds by which Age may be off: it is told in whole ones."""


@dataclass(frozen=True)
class Purged:
    """An object that all edges that are not away have purged."""

    path: str
    asked_at: float
    """When the purge was asked for; what is stored since then is new. Monotonic, as all here."""


@dataclass
class Viewers:
    """Viewers of one asset."""

    session: aiohttp.ClientSession
    controls: Mapping[str, str]
    """URLs of the control planes, by name."""
    edges: Mapping[str, str]
    """Names of edges, by their URLs."""
    asset: str
    clients: Mapping[str, str]
    """The first numbers of addresses in each region."""
    purged: list[Purged] = field(default_factory=list)
    gone: dict[str, float] = field(default_factory=dict)
    """Edges that nobody is to be sent to, since when."""
    sent: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """By control plane and region, the edges that viewers were sent to."""
    latest: float = 0.0
    """Seconds after an edge was gone that somebody was sent there, at most."""
    wrong: list[str] = field(default_factory=list)

    async def watch(self, control: str, region: str) -> None:
        """Is sent to an edge, and watches a little there, for ever."""
        while True:
            # A control plane that is killed answers nobody: players ask another one.
            with contextlib.suppress(aiohttp.ClientConnectionError):
                await self._watch_once(control, region)
            await asyncio.sleep(0.05)

    async def _watch_once(self, control: str, region: str) -> None:
        asked = time.monotonic()
        some = {*self.purged[-1:], *random.sample(self.purged, min(1, len(self.purged)))}
        url = f"{self.controls[control]}/play/{self.asset}"
        address = {"X-Forwarded-For": f"{self.clients[region]}.{random.randint(1, 250)}"}
        async with self.session.get(url, headers=address, allow_redirects=False) as answer:
            if answer.status != 302:
                self.wrong.append(f"{control} answers {answer.status}: {await answer.text()}")
                return
            base = answer.headers["Location"].partition("/v/")[0]
        edge = self.edges[base]
        self.sent.setdefault((control, region), []).append(edge)
        since = self.gone.get(edge)
        if since is not None and asked > since:
            self.latest = max(self.latest, asked - since)
            if asked - since > GONE_WITHIN:
                self.wrong.append(f"{control} sends to {edge}, gone for {asked - since:.1f} s")
        for purged in some:
            await self._fetch(control, edge, base, purged)

    async def _fetch(self, control: str, edge: str, base: str, purged: Purged) -> None:
        """Gets what was purged before the viewer was sent there."""
        try:
            async with self.session.get(f"{base}{purged.path}") as answer:
                await answer.read()
                age = int(answer.headers.get("Age", "0"))
                told = ", ".join(answer.headers.getall("Cache-Status", ()))
        except aiohttp.ClientConnectionError:
            # It died a moment ago.
            assert edge in self.gone, f"{edge} is not reached"
            return
        if answer.status != 200:
            self.wrong.append(f"{edge} answers {answer.status} to {purged.path}: {told}")
        if age > time.monotonic() - purged.asked_at + ROUNDING:
            self.wrong.append(
                f"{control} sends to {edge}, which has {purged.path}: {told}, {age} s"
            )

    def favourite(self, region: str) -> str:
        """The edge that most viewers of a region were sent to."""
        sent = [
            edge for (_, where), edges in self.sent.items() if where == region for edge in edges
        ]
        return max(sorted({*sent}), key=sent.count)

    def lose(self, *edges: str) -> None:
        """Has it wrong soon to send anybody to these edges, until they are found."""
        self.gone.update(dict.fromkeys(edges, time.monotonic()))

    def find(self, *edges: str) -> None:
        """Has it right again."""
        for edge in edges:
            del self.gone[edge]

    def only_to(self, edges: Collection[str], *, of: str) -> Callable[[], Awaitable[bool]]:
        """Tells whether every control plane sends viewers of a region to these edges alone: the
        last few of those who come from now on."""
        return self._sent_on(of, lambda sent: len(sent) >= FEW and {*sent[-FEW:]} <= {*edges})

    def also_to(self, edges: Collection[str], *, of: str) -> Callable[[], Awaitable[bool]]:
        """Tells whether every control plane has sent some of them to one of these edges."""
        return self._sent_on(of, lambda sent: not {*sent}.isdisjoint(edges))

    def _sent_on(
        self, region: str, so: Callable[[Sequence[str]], bool]
    ) -> Callable[[], Awaitable[bool]]:
        told = [self.sent.setdefault((control, region), []) for control in self.controls]
        begin = [len(sent) for sent in told]

        async def check() -> bool:
            return all(so(sent[first:]) for sent, first in zip(told, begin, strict=True))

        return check


@contextlib.asynccontextmanager
async def watching(viewers: Viewers) -> AsyncIterator[None]:
    """Viewers of every region at every control plane while the block runs; all were served well."""
    pairs = list(itertools.product(viewers.controls, viewers.clients))
    async with meanwhile(itertools.starmap(viewers.watch, pairs)):
        yield
    assert viewers.wrong == []
    for pair in pairs:
        assert len(viewers.sent[pair]) > 10
