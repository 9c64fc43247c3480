"""Delivery of published objects to edges and shields over HTTP."""

from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from common.clock import Clock
from common.errors import NearcastError
from common.service import Gatekeeper, Role
from origin.store import KeyInvalid, ObjectInfo, ObjectReader, ObjectUnknown
from origin.store.serving import Serving

IMMUTABLE: Final = "public, max-age=31536000, immutable"
"""What is published under a key never changes (RFC 8246)."""


class Delivery:
    """Answers ``GET`` and ``HEAD`` of ``/v/…`` from the stores, for whoever may read it."""

    def __init__(
        self,
        store: ObjectReader,
        gatekeeper: Gatekeeper,
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._store = store
        self._gatekeeper = gatekeeper
        self._clock = clock
        self._requests = Counter(
            "nearcast_origin_requests",
            "Requests for objects, by status answered.",
            ["status"],
            registry=registry,
        )
        sent = Counter(
            "nearcast_origin_sent_bytes",
            "Bytes of objects sent to edges.",
            registry=registry,
        )
        cut = Counter(
            "nearcast_origin_cut",
            "Answers cut short: the store broke off midway, or the client stalled.",
            registry=registry,
        )
        self._serving = Serving(store, cache_control=IMMUTABLE, sent=sent.inc, cut=cut.inc)

    def add_routes(self, application: web.Application) -> None:
        """Adds the delivery of objects to ``application``."""
        # GET brings HEAD with it; the router answers 405 to the rest.
        application.router.add_get("/v/{path:.*}", self._counted)

    async def _counted(self, request: web.Request) -> web.StreamResponse:
        status = 500
        try:
            response = await self._deliver(request)
            status = response.status
        except NearcastError as error:
            status = error.status
            raise
        finally:
            self._requests.labels(str(status)).inc()
        return response

    async def _deliver(self, request: web.Request) -> web.StreamResponse:
        self._gatekeeper.require(request, Role.EDGE)
        info = await self._look_up(request)
        return await self._serving.serve(request, info, self._clock.now())

    async def _look_up(self, request: web.Request) -> ObjectInfo:
        # As it was sent: whatever had to be encoded or leaves its folder is no key.
        key = request.rel_url.raw_path.removeprefix("/")
        try:
            return await self._store.head(key)
        except KeyInvalid as error:
            raise ObjectUnknown(key=error.facts["key"]) from error
