"""The origins of an edge: the first that is well is asked, the next one when it fails."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from common.clock import Clock
from common.errors import NearcastError
from edge.fetch.connection import Interim
from edge.fetch.errors import UpstreamBroke, UpstreamSlow, UpstreamUnreachable
from edge.fetch.pool import IDEMPOTENT, Exchange, Pool, Sent
from edge.fetch.wire import Endpoint, UpstreamRequest, plain_request
from edge.policy.origin_health import Health, order_to_try
from edge.policy.plain_responses import PlainResponse

FAILING = frozenset({500, 502, 503, 504})
"""Statuses by which an origin, or what stands before it, says that it is not well."""

PlainRequests = dict[Endpoint, bytes | None]
"""Requests for ``/`` as they are sent to endpoints; None where they are not plain."""


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
        sent: Sent | None = None,
    ) -> AsyncIterator[Exchange]:
        """Asks, as ``Pool.request``.

        Args:
            request: what to ask.
            interim: is called with each interim response.
            shield: the edge to ask before all origins.
            sent: the first attempt, where ``send_now`` has made it.
        """
        async with AsyncExitStack() as stack:
            yield await self._first_good(stack, request, interim, shield, sent)

    def send_now(
        self,
        request: Callable[[], UpstreamRequest],
        target: str,
        plain: PlainRequests,
        heard: Callable[[], None],
        shield: Endpoint | None,
    ) -> Sent | None:
        """Asks for ``target``, as ``Pool.send_now``.

        Args:
            request: makes the request.
            target: its target.
            plain: remembers requests that differ in nothing else.
            heard: is called once, when anything of the response is there.
            shield: the edge to ask before all origins.
        """
        known = self._known(shield)
        index = self._order(known)[0]
        endpoint = known[index]
        if endpoint not in plain:
            example = replace(request(), target="/")
            plain[endpoint] = plain_request(self._addressed(endpoint, example, shield))
        like = plain[endpoint]
        if like is None:
            return None
        # Like the example, but for what follows its slash.
        slash = like.index(b" HTTP/1.1\r\n")
        text = like[:slash] + target[1:].encode("latin-1") + like[slash:]
        sent = self._pool.send_now(endpoint, text, heard)
        if sent is not None:
            self._health[endpoint].began()
        return sent

    def take(self, sent: Sent, found: PlainResponse) -> None:
        """Is done with a response that is no failure, as ``Pool.take``."""
        self._health[sent.endpoint].succeeded()
        self._pool.take(sent, found)

    def give_up(self, sent: Sent) -> None:
        """Ends it, as ``Pool.give_up``."""
        self._health[sent.endpoint].abandoned()
        self._pool.give_up(sent)

    def _known(self, shield: Endpoint | None) -> tuple[Endpoint, ...]:
        return self._endpoints if shield is None else (shield, *self._endpoints)

    def _order(self, known: Sequence[Endpoint]) -> list[int]:
        """The indices of ``known`` in the order in which to try them."""
        health = [self._health.setdefault(endpoint, Health()) for endpoint in known]
        return order_to_try(health, self._clock.monotonic())

    async def _first_good(
        self,
        stack: AsyncExitStack,
        request: UpstreamRequest,
        interim: Interim | None,
        shield: Endpoint | None,
        sent: Sent | None,
    ) -> Exchange:
        known = self._known(shield)
        order = self._order(known)
        if sent is not None:
            first = known.index(sent.endpoint)
            order = [first, *(index for index in order if index != first)]
        repeatable = request.body is None and request.method in IDEMPOTENT
        failure: NearcastError | None = None
        for index in order:
            last = index == order[-1]
            try:
                async with AsyncExitStack() as attempt:
                    addressed = self._addressed(known[index], request, shield)
                    begun = sent if index == order[0] else None
                    exchange = await self._ask(attempt, known[index], addressed, interim, begun)
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
        sent: Sent | None,
    ) -> Exchange:
        health = self._health[endpoint]
        health.began()
        try:
            exchange = await stack.enter_async_context(
                self._pool.request(endpoint, request, interim=interim, sent=sent)
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

    def _addressed(
        self, endpoint: Endpoint, request: UpstreamRequest, shield: Endpoint | None
    ) -> UpstreamRequest:
        """``request`` as ``endpoint`` gets it."""
        fields = request.fields
        if endpoint != shield and not self._keep_host:
            others = (pair for pair in fields if pair[0].lower() != "host")
            fields = (("Host", endpoint.authority), *others)
        return replace(request, target=_below(endpoint.prefix, request.target), fields=fields)


def _below(prefix: str, target: str) -> str:
    return target if target == "*" else prefix + target
