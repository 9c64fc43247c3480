"""Requests upstream: what of a viewer's request goes in them, and what the edge adds."""

import dataclasses
from collections.abc import AsyncIterable, Callable
from contextlib import AbstractAsyncContextManager

from common.http import format_http_date
from common.http.fields import Fields, Pairs
from edge.fetch.origins import Origins
from edge.fetch.outcomes import Ask
from edge.fetch.pool import Exchange
from edge.fetch.wire import Endpoint, UpstreamRequest
from edge.policy.forwarding import end_to_end, request_fields
from edge.policy.messages import Response
from edge.policy.partial import strong_validator
from edge.policy.updating import validation_fields

CONDITIONS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range")

ShieldFinder = Callable[[str, Fields], Endpoint | None]
"""Answers which edge to ask before the origin, by key and the request's fields."""


class Upstream:
    """Asks the origins, or the edge that shields them."""

    def __init__(
        self,
        origins: Origins,
        *,
        pseudonym: str,
        added: Pairs = (),
        forward_fields: bool = True,
        shield: ShieldFinder | None = None,
    ) -> None:
        """Asks ``origins``.

        Args:
            origins: where responses come from.
            pseudonym: this edge's name in Via.
            added: fields that every request gets, in place of the viewer's.
            forward_fields: whether viewers' fields go upstream at all.
            shield: which edge to ask first.
        """
        self._origins = origins
        self._pseudonym = pseudonym
        self._added = added
        self._forward_fields = forward_fields
        self._shield = shield

    def send(
        self, ask: Ask, body: AsyncIterable[bytes] | None = None, length: int | None = None
    ) -> AbstractAsyncContextManager[Exchange]:
        """Sends what ``ask`` wants, with the content ``body`` of ``length`` bytes, None unknown.

        Raises:
            NearcastError: on entering, there is no response.
        """
        fields = (*self._fields(ask).pairs,)
        request = UpstreamRequest(ask.request.method, ask.request.target, fields, body, length)
        shield = None
        if self._shield is not None and ask.request.method in {"GET", "HEAD"}:
            shield = self._shield(ask.key, ask.request.fields)
        if shield is not None:
            host = ("Host", ask.request.host)
            request = dataclasses.replace(request, fields=(host, *fields))
        return self._origins.request(request, interim=ask.interim, shield=shield)

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


def response_of(exchange: Exchange, requested_at: float, received_at: float) -> Response:
    """The head of a response, the fields of this hop gone; times are POSIX seconds."""
    head = exchange.head
    fields = end_to_end(Fields(head.fields))
    if "date" not in fields:
        # RFC 9110 §6.6.1: whoever stores or passes on a response without Date adds one.
        fields = Fields((*fields.pairs, ("Date", format_http_date(received_at))))
    return Response(head.status, head.reason, fields, requested_at, received_at)
