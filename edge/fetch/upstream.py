"""Requests upstream: what of a viewer's request goes in them, and what the edge adds."""

import dataclasses
from collections.abc import AsyncIterable, Callable
from contextlib import AbstractAsyncContextManager

from common.http import format_http_date
from common.http.fields import Fields, Pairs
from edge.fetch.origins import ORIGINS_ALONE, EdgeRoute, EdgeSource, Origins, PlainRequests, Wanted
from edge.fetch.outcomes import Ask
from edge.fetch.pool import Exchange, Sent
from edge.fetch.wire import Endpoint, Head, UpstreamRequest
from edge.policy.forwarding import end_to_end, request_fields
from edge.policy.messages import Request, Response
from edge.policy.partial import strong_validator
from edge.policy.plain_responses import PlainResponse
from edge.policy.standing import Standing
from edge.policy.updating import validation_fields

CONDITIONS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range")

RouteFinder = Callable[[str, Fields], EdgeRoute]
"""Answers which edges to ask besides the origins, by key and the request's fields."""


class Upstream:
    """Asks the origins, or the edges that stand before them."""

    def __init__(
        self,
        origins: Origins,
        *,
        pseudonym: str,
        added: Pairs = (),
        forward_fields: bool = True,
        route: RouteFinder | None = None,
        purges: Callable[[str], int | None] = lambda _: None,
    ) -> None:
        """Asks ``origins``.

        Args:
            origins: where responses come from.
            pseudonym: this edge's name in Via.
            added: fields that every request gets, in place of the viewer's.
            forward_fields: whether viewers' fields go upstream at all.
            route: which edges to ask besides.
            purges: by key, how far they must have come with purges.
        """
        self._origins = origins
        self._pseudonym = pseudonym
        self._added = added
        self._forward_fields = forward_fields
        self._route = route
        self._purges = purges

    @property
    def standing(self) -> Standing[Endpoint]:
        """What is known of all whom it asks."""
        return self._origins.standing

    def send(
        self,
        ask: Ask,
        body: AsyncIterable[bytes] | None = None,
        length: int | None = None,
        *,
        sent: Sent | None = None,
    ) -> AbstractAsyncContextManager[Exchange]:
        """Sends what ``ask`` wants.

        Args:
            ask: that.
            body: its content.
            length: bytes of that; None when unknown.
            sent: the first attempt, where ``send_now`` has made it.

        Raises:
            NearcastError: on entering, there is no response.
        """
        route = self._route_of(ask.request, ask.key)
        purges = self._purges(ask.key) if route is not ORIGINS_ALONE else None
        wanted = Wanted(ask.key, route, ask.sha256, purges)
        request = self._request(ask, body, length)
        return self._origins.request(request, interim=ask.interim, wanted=wanted, sent=sent)

    def send_now(
        self, request: Request, key: str, plain: PlainRequests, heard: Callable[[], None]
    ) -> Sent | None:
        """Sends ``request``, a plain GET, as ``Origins.send_now``.

        Args:
            request: that.
            key: its cache key.
            plain: what is remembered of requests with the same fields, host and scheme.
            heard: is called once, when anything of the response is there.
        """
        wanted = Wanted(key, self._route_of(request, key))
        return self._origins.send_now(
            lambda: self._request(Ask(request, key)), request.target, plain, heard, wanted
        )

    def sources(self, request: Request, key: str) -> int:
        """How many may be asked for ``key``."""
        route = self._route_of(request, key)
        return len(route.before) + len(route.after) + self._origins.count

    def broke(self, key: str, source: EdgeSource | None) -> None:
        """As ``Origins.broke``."""
        self._origins.broke(key, source)

    def lied(self, key: str, source: EdgeSource | None) -> None:
        """As ``Origins.lied``."""
        self._origins.lied(key, source)

    def take(self, sent: Sent, found: PlainResponse) -> None:
        """Is done with a response that is no failure, as ``Pool.take``."""
        self._origins.take(sent, found)

    def give_up(self, sent: Sent) -> None:
        """Ends it, as ``Pool.give_up``."""
        self._origins.give_up(sent)

    def _route_of(self, request: Request, key: str) -> EdgeRoute:
        if self._route is None or request.method not in {"GET", "HEAD"}:
            return ORIGINS_ALONE
        return self._route(key, request.fields)

    def _request(
        self, ask: Ask, body: AsyncIterable[bytes] | None = None, length: int | None = None
    ) -> UpstreamRequest:
        fields = (("Host", ask.request.host), *self._fields(ask).pairs)
        return UpstreamRequest(ask.request.method, ask.request.target, fields, body, length)

    def _fields(self, ask: Ask) -> Fields:
        asked = ask.request
        if not self._forward_fields:
            asked = dataclasses.replace(asked, fields=Fields())
        fields = request_fields(asked, ask.client if ask.alone else None, self._pseudonym)
        if not ask.alone:
            fields = fields.without((*CONDITIONS, "range"))
        added = list(self._added)
        if ask.range is not None:
            added.append(("Range", ask.range))
            validator = strong_validator(ask.grow) if ask.grow is not None else None
            if validator is not None:
                added.append(("If-Range", validator))
        if ask.stale is not None:
            added += validation_fields(ask.stale)
        return fields.with_replaced(*added)


def response_of(head: Head | PlainResponse, requested_at: float, received_at: float) -> Response:
    """The head of a response, the fields of this hop gone; times are POSIX seconds."""
    fields = end_to_end(Fields(head.fields))
    if "date" not in fields:
        # RFC 9110 §6.6.1: whoever stores or passes on a response without Date adds one.
        fields = Fields((*fields.pairs, ("Date", format_http_date(received_at))))
    return Response(head.status, head.reason, fields, requested_at, received_at)
