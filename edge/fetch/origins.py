"""The origins of an edge, and other edges: the first that is well is asked, the next one when it
fails."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from common.clock import Clock
from common.errors import NearcastError
from common.http.digests import repr_sha256
from common.http.fields import Fields
from edge.fetch.connection import Interim
from edge.fetch.errors import UpstreamBroke, UpstreamSlow, UpstreamUnreachable, WrongBytes
from edge.fetch.pool import IDEMPOTENT, Exchange, Pool, Sent
from edge.fetch.wire import Endpoint, Head, UpstreamRequest, plain_request
from edge.policy.forwarding import PURGES
from edge.policy.plain_responses import PlainResponse
from edge.policy.standing import Route, Source, Standing

FAILING = frozenset({500, 502, 503, 504})
"""Statuses by which an origin, or what stands before it, says that it is not well."""
FROM_PEER = frozenset({200, 206, 304, 416})
"""Statuses of answers that are taken from an edge which is asked for what it holds."""
FROM_SHIELD = FROM_PEER | {404, 410}
"""Those of one that asks the origin."""

PlainRequests = dict[Endpoint, bytes | None]
"""Requests for ``/`` as they are sent to endpoints; None where they are not plain."""
EdgeSource = Source[Endpoint]
EdgeRoute = Route[Endpoint]
ORIGINS_ALONE: Final = EdgeRoute()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request is about, beyond what it says."""

    key: str = ""
    route: EdgeRoute = ORIGINS_ALONE
    """The edges to ask besides the origins."""
    sha256: bytes = b""
    """What the representation's digest must be, where that is known."""
    purges: int | None = None
    """How far another edge must have come with purges for what it has stored to be of use."""


ANYTHING: Final = Wanted()


def no_ticket(_: str) -> str:
    """What stands before a target where no edge asks for a token: nothing."""
    return ""


class Origins:
    """Asks one of several servers that hold the same."""

    def __init__(
        self,
        pool: Pool,
        endpoints: Sequence[Endpoint],
        clock: Clock,
        *,
        keep_host: bool = False,
        ticket: Callable[[str], str] = no_ticket,
    ) -> None:
        """Asks ``endpoints``, the first ones first.

        Args:
            pool: connections.
            endpoints: the origins.
            clock: the time.
            keep_host: whether Host tells what the viewer named, not the origin.
            ticket: what other edges want before a target that has this path.
        """
        self._pool = pool
        self._origins = tuple(EdgeSource(one, one.authority) for one in endpoints)
        self.count = len(self._origins)
        self._clock = clock
        self._keep_host = keep_host
        self._ticket = ticket
        self.standing: Standing[Endpoint] = Standing()

    @asynccontextmanager
    async def request(
        self,
        request: UpstreamRequest,
        *,
        interim: Interim | None = None,
        wanted: Wanted = ANYTHING,
        sent: Sent | None = None,
    ) -> AsyncIterator[Exchange]:
        """Asks, as ``Pool.request``.

        Args:
            request: what to ask.
            interim: is called with each interim response.
            wanted: what it is about.
            sent: the first attempt, where ``send_now`` has made it.

        Raises:
            WrongBytes: all that say what they have say that it is something else.
        """
        async with AsyncExitStack() as stack:
            exchange = await self._first_good(stack, request, interim, wanted, sent)
            try:
                yield exchange
            finally:
                if exchange.source is not None:
                    self.standing.bytes[exchange.source.kind] += exchange.bytes_received

    def send_now(
        self,
        request: Callable[[], UpstreamRequest],
        target: str,
        plain: PlainRequests,
        heard: Callable[[], None],
        wanted: Wanted,
    ) -> Sent | None:
        """Asks for ``target``, as ``Pool.send_now``.

        Args:
            request: makes the request.
            target: its target.
            plain: remembers requests that differ in nothing else.
            heard: is called once, when anything of the response is there.
            wanted: what it is about.
        """
        source = self._order(wanted)[0]
        if source.is_edge and not source.keeps_host:
            # What it is told differs from one request to the next.
            return None
        endpoint = source.place
        if endpoint not in plain:
            example = replace(request(), target="/")
            plain[endpoint] = plain_request(self._addressed(source, example))
        like = plain[endpoint]
        if like is None:
            return None
        # Like the example, but for what follows its slash.
        slash = like.index(b" HTTP/1.1\r\n")
        text = like[:slash] + target[1:].encode("latin-1") + like[slash:]
        sent = self._pool.send_now(endpoint, text, heard)
        if sent is not None:
            sent.source = source
            self.standing.began(source)
        return sent

    def take(self, sent: Sent, found: PlainResponse) -> None:
        """Is done with a response that is no failure, as ``Pool.take``."""
        if sent.source is not None:
            self.standing.succeeded(sent.source)
            self.standing.bytes[sent.source.kind] += found.length
        self._pool.take(sent, found)

    def give_up(self, sent: Sent) -> None:
        """Ends it, as ``Pool.give_up``."""
        if sent.source is not None:
            self.standing.abandoned(sent.source)
        self._pool.give_up(sent)

    def broke(self, key: str, source: EdgeSource | None) -> None:
        """Notes that ``source`` broke off in the midst of ``key``: the next one has its turn."""
        if source is not None:
            self.standing.broke(key, source, self._clock.monotonic())

    def lied(self, key: str, source: EdgeSource | None) -> None:
        """Notes that ``source`` sent something else than ``key``."""
        if source is not None:
            self.standing.lied(key, source, self._clock.monotonic())

    def _order(self, wanted: Wanted) -> list[EdgeSource]:
        now = self._clock.monotonic()
        return self.standing.order(wanted.key, self._origins, wanted.route, now)

    async def _first_good(
        self,
        stack: AsyncExitStack,
        request: UpstreamRequest,
        interim: Interim | None,
        wanted: Wanted,
        sent: Sent | None,
    ) -> Exchange:
        order = self._order(wanted)
        if sent is not None and sent.source is not None:
            first = sent.source
            order = [first, *(source for source in order if source != first)]
        repeatable = request.body is None and request.method in IDEMPOTENT
        failure: NearcastError | None = None
        for source in order:
            last = source is order[-1]
            begun = sent if source is order[0] else None
            try:
                async with AsyncExitStack() as attempt:
                    exchange = await self._ask(attempt, source, request, interim, begun, wanted)
                    told = self._trouble(source, exchange.head, wanted)
                    readable = request.method in {"GET", "HEAD"} and repeatable
                    if told is None or not readable or (last and not _is_useless(source, told)):
                        stack.push_async_exit(attempt.pop_all())
                        return exchange
                    # What an origin says tells more than that others do not have it either.
                    failure = told if failure is None or not source.is_edge else failure
            except UpstreamUnreachable as error:
                # Nothing was sent, so that any request may go elsewhere.
                failure = error
            except (UpstreamBroke, UpstreamSlow) as error:
                if not repeatable:
                    raise
                failure = error
        raise failure or UpstreamUnreachable(reason="there is none")

    async def _ask(
        self,
        stack: AsyncExitStack,
        source: EdgeSource,
        request: UpstreamRequest,
        interim: Interim | None,
        sent: Sent | None,
        wanted: Wanted,
    ) -> Exchange:
        standing = self.standing
        standing.began(source)
        try:
            addressed = self._addressed(source, request, wanted.purges)
            exchange = await stack.enter_async_context(
                self._pool.request(source.place, addressed, interim=interim, sent=sent)
            )
        except (UpstreamUnreachable, UpstreamBroke, UpstreamSlow):
            standing.failed(source, "away", self._clock.monotonic())
            raise
        except BaseException:
            standing.abandoned(source)
            raise
        exchange.source = source
        return exchange

    def _trouble(self, source: EdgeSource, head: Head, wanted: Wanted) -> UpstreamBroke | None:
        """Why the next one is to be asked in place of ``source``, which answered with ``head``."""
        now = self._clock.monotonic()
        expected = _expected(source)
        if source.kind == "peer" and head.status == 504:
            # It does not hold it (RFC 9111 §5.2.1.7).
            self.standing.succeeded(source)
        elif head.status in FAILING or (expected is not None and head.status not in expected):
            self.standing.failed(source, "error", now)
        else:
            self.standing.succeeded(source)
            told = _told_digest(head) if wanted.sha256 else b""
            if not told or told == wanted.sha256:
                return None
            self.standing.differs(wanted.key, source, now)
            reason = f"{source.name} has some whose SHA-256 is {told.hex()}"
            return WrongBytes(key=wanted.key, reason=reason)
        return UpstreamBroke(key=wanted.key, reason=f"{source.name} answers {head.status}")

    def _addressed(
        self, source: EdgeSource, request: UpstreamRequest, purges: int | None = None
    ) -> UpstreamRequest:
        """``request`` as ``source`` gets it."""
        endpoint, fields, target = source.place, Fields(request.fields), request.target
        if not (source.keeps_host or self._keep_host):
            fields = Fields((("Host", endpoint.authority), *fields.without(("host",)).pairs))
        if source.is_edge and not source.keeps_host:
            # The origin's credential is none of its business.
            fields = fields.without(("authorization",))
            target = self._ticket(target) + target
            if purges is not None:
                fields = fields.with_replaced((PURGES, str(purges)))
        if source.kind == "peer":
            fields = fields.with_replaced(("Cache-Control", "only-if-cached"))
        return replace(request, target=_below(endpoint.prefix, target), fields=fields.pairs)


def _expected(source: EdgeSource) -> frozenset[int] | None:
    """The statuses with which ``source`` is of use; None for all but failures."""
    if not source.is_edge or source.keeps_host:
        return None
    return FROM_PEER if source.kind == "peer" else FROM_SHIELD


def _is_useless(source: EdgeSource, trouble: UpstreamBroke) -> bool:
    """Whether an answer helps nobody even when there is no other."""
    return isinstance(trouble, WrongBytes) or (source.is_edge and not source.keeps_host)


def _told_digest(head: Head) -> bytes:
    if head.status not in {200, 206}:
        return b""
    return repr_sha256(Fields(head.fields).lines("repr-digest")) or b""


def _below(prefix: str, target: str) -> str:
    return target if target == "*" else prefix + target
