"""Which fields pass through an edge, and which end at it (RFC 9110 §7.6)."""

from common.http.fields import Fields, Pairs, split_list
from edge.policy.messages import Request

HOP_BY_HOP = frozenset(
    {
        *("connection", "keep-alive", "proxy-connection", "te", "trailer"),
        *("transfer-encoding", "upgrade", "http2-settings"),
    }
)
"""Fields between two neighbours (RFC 9110 §7.6.1)."""
_NOT_TO_BE_LISTED = frozenset(
    {
        *("age", "authorization", "cache-control", "cdn-cache-control", "content-encoding"),
        *("content-length", "content-location", "content-range", "content-type", "cookie", "date"),
        *("etag", "expires", "host", "last-modified", "location", "range", "set-cookie", "vary"),
        *("via", "warning", "if-match", "if-none-match", "if-modified-since", "if-range"),
        "if-unmodified-since",
    }
)
"""Fields that Connection must not name (§7.6.1); otherwise a viewer could have an edge drop what
the origin's answer rests on, and have that answer stored."""
NOT_STORED = frozenset(
    {"proxy-authenticate", "proxy-authentication-info", "proxy-authorization", "age"}
)
"""Besides hop-by-hop fields (RFC 9111 §3.1); Age is reckoned anew."""
_NEVER_STORED = NOT_STORED | {"content-length", "content-range"}
"""Those, and what is told anew of each answer."""
_UNKEYED = frozenset(
    {
        *("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-host"),
        *("x-forwarded-proto", "x-forwarded-scheme", "x-forwarded-server", "x-forwarded-prefix"),
        *("x-forwarded-ssl", "x-forwarded-path", "x-forwarded-uri", "x-original-host"),
        *("x-original-url", "x-rewrite-url", "x-http-host-override", "x-real-ip", "true-client-ip"),
        *("x-http-method-override", "x-http-method", "x-method-override", "front-end-https"),
        *(
            "x-client-ip",
            "x-cluster-client-ip",
            "cf-connecting-ip",
            "x-url-scheme",
            "x-proxyuser-ip",
        ),
    }
)
"""Fields by which a proxy tells an origin of a request. From a viewer they are a lie that the
origin may write into a response that others then get."""
OURS = "nearcast-"
"""Begins the fields that Nearcast's processes send to each other; from viewers they are dropped."""
PURGES = "Nearcast-Purges"
"""Tells another edge the number of the last purge of the control plane's log that this one has
carried out: what an edge stored that is not as far does not answer the request."""


def end_to_end(fields: Fields) -> Fields:
    """``fields`` without those of this hop: the fixed ones and what Connection names."""
    if fields.lacks(HOP_BY_HOP):
        return fields
    listed = {
        name.lower()
        for line in fields.lines("connection")
        for name in split_list(line)
        if name.lower() not in _NOT_TO_BE_LISTED
    }
    return fields.without(HOP_BY_HOP | listed)


def request_fields(request: Request, client: str | None, pseudonym: str) -> Fields:
    """The fields to send upstream, Host aside.

    Args:
        request: what the viewer sent, its hop-by-hop fields already gone.
        client: the viewer's address, told upstream where the response is nobody else's; None where
            it may be stored, which then must not depend on who asked first.
        pseudonym: this edge's name in Via (§7.6.3).
    """
    told = [
        (name, value)
        for name, value in request.fields
        if (lower := name.lower()) not in _UNKEYED
        and lower not in {"host", "content-length"}
        and not lower.startswith(OURS)
    ]
    if request.method in {"TRACE", "OPTIONS"}:
        told = [(name, _one_less(name, value)) for name, value in told]
    told += [
        ("Via", f"1.1 {pseudonym}"),
        ("X-Forwarded-Proto", request.scheme),
        ("X-Forwarded-Host", request.host),
    ]
    if client is not None:
        told.append(("X-Forwarded-For", client))
    return Fields(told)


def _one_less(name: str, value: str) -> str:
    """Max-Forwards counts the proxies that may still pass a request on (RFC 9110 §7.6.2)."""
    counted = name.lower() == "max-forwards" and value.isascii() and value.isdigit()
    return str(max(0, int(value[:9]) - 1)) if counted else value


def went_through(fields: Fields, pseudonym: str) -> bool:
    """Whether a request came through this edge before: it goes in circles."""
    return any(
        member.split()[1:2] == [pseudonym]
        for line in fields.lines("via")
        for member in split_list(line)
    )


def is_of_edge(fields: Fields) -> bool:
    """Whether another edge asks, not a viewer."""
    return any(
        by.startswith("nearcast-")
        for line in fields.lines("via")
        for member in split_list(line)
        for by in member.split()[1:2]
    )


def stored_fields(fields: Fields, unshared: frozenset[str]) -> Pairs:
    """What is stored of a response's fields (RFC 9111 §3.1).

    Args:
        fields: end to end.
        unshared: lower-case names that ``no-cache="…"`` and ``private="…"`` list.
    """
    dropped = _NEVER_STORED | unshared if unshared else _NEVER_STORED
    return tuple(pair for pair in fields.pairs if pair[0].lower() not in dropped)
