"""The origins of an edge: the first that is well is asked, the next one when it fails."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from common.clock import Clock
from common.errors import NearcastError
from edge.fetch.connection import Interim
from edge.fetch.errors import UpstreamBroke, UpstreamSlow, UpstreamUnreachable
from edge.fetch.pool import IDEMPOTENT, Exchange, Pool
from edge.fetch.wire import Endpoint, UpstreamRequest
from edge.policy.origin_health import Health, order_to_try

FAILING = frozenset({500, 502, 503, 504})
"""Statuses by which an origin, or what stands before it, says that it is not well."""


class Origins:
    """Asks one of several servers that hold the same."""

    def __init__(
        self, pool: Pool, endpoints: Sequence[Endpoint], clock: Clock, *, keep_host: bool = False
    ) -> None:
        """Asks ``endpoints``, the first ones first; Host tells theirs unless ``keep_host``."""
        self._pool = pool
        self._endpoints = tuple(endpoints)
        self._health: dict[Endpoint, Health] = {}
        self._clock = clock
        self._keep_host = keep_host

    @asynccontextmanager
    async def request(
        self,
        request: UpstreamRequest,
        *,
        interim: Interim | None = None,
        shield: Endpoint | None = None,
    ) -> AsyncIterator[Exchange]:
        """Asks, as ``Pool.request``.

        Args:
            request: what to ask.
            interim: is called with each interim response.
            shield: the edge to ask before all origins.
        """
        async with AsyncExitStack() as stack:
            yield await self._first_good(stack, request, interim, shield)

    async def _first_good(
        self,
        stack: AsyncExitStack,
        request: UpstreamRequest,
        interim: Interim | None,
        shield: Endpoint | None,
    ) -> Exchange:
        known = self._endpoints if shield is None else (shield, *self._endpoints)
        health = [self._health.setdefault(endpoint, Health()) for endpoint in known]
        order = order_to_try(health, self._clock.monotonic())
        repeatable = request.body is None and request.method in IDEMPOTENT
        failure: NearcastError | None = None
        for index in order:
            last = index == order[-1]
            try:
                async with AsyncExitStack() as attempt:
                    own_host = known[index] != shield and not self._keep_host
                    exchange = await self._ask(
                        attempt, known[index], request, interim, own_host=own_host
                    )
                    passed_over = request.method in {"GET", "HEAD"} and not last and repeatable
                    if exchange.head.status not in FAILING or not passed_over:
                        stack.push_async_exit(attempt.pop_all())
                        return exchange
            except UpstreamUnreachable as error:
                # Nothing was sent, so that any request may go elsewhere.
                if last:
                    raise
                failure = error
            except (UpstreamBroke, UpstreamSlow) as error:
                if last or not repeatable:
                    raise
                failure = error
        raise failure or UpstreamUnreachable(reason="there is none")

    async def _ask(
        self,
        stack: AsyncExitStack,
        endpoint: Endpoint,
        request: UpstreamRequest,
        interim: Interim | None,
        *,
        own_host: bool,
    ) -> Exchange:
        health = self._health[endpoint]
        fields = request.fields
        if own_host:
            fields = (
                ("Host", endpoint.authority),
                *(pair for pair in fields if pair[0].lower() != "host"),
            )
        sent = replace(request, target=_below(endpoint.prefix, request.target), fields=fields)
        health.began()
        try:
            exchange = await stack.enter_async_context(
                self._pool.request(endpoint, sent, interim=interim)
            )
        except (UpstreamUnreachable, UpstreamBroke, UpstreamSlow):
            health.failed(self._clock.monotonic())
            raise
        except BaseException:
            health.abandoned()
            raise
        if exchange.head.status in FAILING:
            health.failed(self._clock.monotonic())
        else:
            health.succeeded()
        return exchange


def _below(prefix: str, target: str) -> str:
    return target if target == "*" else prefix + target
