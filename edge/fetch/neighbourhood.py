"""The other edges of the region, as the control plane tells them to one process for all.

Each asset has one edge that asks the origin, its shield; the others ask that one, then a few that
may hold it, then the origin. What comes from another edge goes to the origin and no further, and
whoever is asked outranks the one who asks: none wait for each other, whichever edges each knows.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from common import logs
from common.clock import Clock
from common.http.fields import Fields
from common.messages import MessageInvalid, Neighbours, decode, encode
from common.service import write_atomically
from common.signing import PathToken, mint
from edge.fetch.origins import ORIGINS_ALONE, EdgeRoute, EdgeSource
from edge.fetch.wire import Endpoint
from edge.policy.forwarding import is_of_edge, went_through
from edge.policy.shields import ranking, subject_of

PEERS = 2
"""Edges that are asked for what they hold, when the shield does not help."""
MOST_NEIGHBOURS = 1000
"""Edges of one region that are known; of more, the first by name."""
MOST_REMEMBERED = 4096
"""Subjects whose route need not be found out again."""
LOOK_EVERY = 0.5
"""Seconds between looks for what another process was told."""
TICKET_SECONDS = 300
"""For how long a neighbour may take a token that this edge makes: clocks differ."""

_log = logs.get(__name__)


class Neighbourhood:
    """Whom to ask for a key besides the origins."""

    def __init__(self, edge_id: str, runtime: Path, fixed: Mapping[str, Endpoint]) -> None:
        """Knows the edges ``fixed`` until the control plane tells of others.

        Args:
            edge_id: this edge.
            runtime: the folder that its processes share.
            fixed: the edges that settings name.
        """
        self._edge_id = edge_id
        self._file = runtime / "neighbours.json"
        self._seen = b""
        self.revision = 0
        """That of what the control plane has told; 0 for nothing."""
        self._routes: dict[str, EdgeRoute] = {}
        self._edges = {
            name: EdgeSource(endpoint, name, "shield", keeps_host=True)
            for name, endpoint in fixed.items()
        }
        self._fixed = bool(fixed)

    def __len__(self) -> int:
        return len(self._edges)

    async def apply(self, neighbours: Neighbours) -> None:
        """Learns which edges there are, and has the other processes learn it."""
        self._adopt(neighbours)
        self._seen = encode(neighbours)
        try:
            await asyncio.to_thread(write_atomically, self._file, self._seen)
        except OSError as error:
            # The others ask whom they asked before, or the origin.
            _log.warning("neighbours not shared", reason=str(error))

    async def look(self) -> None:
        """Learns what another process was told."""
        with contextlib.suppress(OSError, MessageInvalid):
            told = await asyncio.to_thread(self._file.read_bytes)
            if told != self._seen:
                self._adopt(decode(told, Neighbours))
                self._seen = told

    async def watch(self) -> None:
        """Does so again and again."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY)

    def _adopt(self, neighbours: Neighbours) -> None:
        edges: dict[str, EdgeSource] = {}
        told = sorted(neighbours.edges, key=lambda edge: edge.edge_id)
        for edge in told[:MOST_NEIGHBOURS]:
            if edge.edge_id == self._edge_id:
                continue
            try:
                endpoint = Endpoint.of(edge.url)
            except ValueError as error:
                _log.warning("neighbour left out", edge=edge.edge_id, reason=str(error))
                continue
            edges[edge.edge_id] = EdgeSource(endpoint, edge.edge_id, "shield")
        self._edges, self._routes, self._fixed = edges, {}, False
        self.revision = neighbours.revision

    def route(self, key: str, fields: Fields) -> EdgeRoute:
        """Whom to ask for ``key``, on behalf of whoever sent ``fields``."""
        if not self._edges or self._came_from_edge(fields):
            return ORIGINS_ALONE
        subject = subject_of(key)
        route = self._routes.get(subject)
        if route is None:
            if len(self._routes) >= MOST_REMEMBERED:
                self._routes.clear()
            route = self._routes[subject] = self._route(subject)
        return route

    def _came_from_edge(self, fields: Fields) -> bool:
        """Whether another edge asks: this one is its shield."""
        if self._fixed:
            return any(went_through(fields, f"nearcast-{edge}") for edge in self._edges)
        return is_of_edge(fields)

    def _route(self, subject: str) -> EdgeRoute:
        ranked = ranking(subject, (self._edge_id, *self._edges))
        first, *others = ranked
        edges = [self._edges[name] for name in others if name != self._edge_id]
        if self._fixed:
            return ORIGINS_ALONE if first == self._edge_id else EdgeRoute((self._edges[first],))
        peers = tuple(EdgeSource(edge.place, edge.name, "peer") for edge in edges[:PEERS])
        if first == self._edge_id:
            return EdgeRoute(after=peers)
        return EdgeRoute((self._edges[first], *peers))


class Tickets:
    """Tokens for asking neighbours: they have the same keys, as the same viewers come to them."""

    def __init__(self, keys: Sequence[tuple[str, str]], clock: Clock) -> None:
        """Signs with the first of ``keys``, names and secrets; without any, nothing is asked."""
        self._key = keys[0] if keys else None
        self._clock = clock

    def for_target(self, target: str) -> str:
        """What stands before ``target``, in origin-form."""
        if self._key is None:
            return ""
        key_id, secret = self._key
        prefix = f"/{subject_of(target[1:])}/"
        expires = int(self._clock.now()) + TICKET_SECONDS
        return f"/t/{mint(PathToken(key_id, prefix, expires), secret)}"
