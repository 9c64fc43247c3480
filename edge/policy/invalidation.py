"""What a request that changes something makes worthless (RFC 9111 §4.4)."""

from urllib.parse import urljoin, urlsplit

from common.errors import NearcastError
from common.http.fields import Fields
from edge.policy.keys import normalised_host
from edge.policy.messages import Request

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that change nothing (RFC 9110 §9.2.1); one that is unknown may change anything."""


def targets_to_invalidate(request: Request, status: int, fields: Fields) -> list[str]:
    """The targets (path and query) on the request's own host whose stored responses must go.

    Location and Content-Location count only on the same origin: no site may empty another's cache.
    """
    if request.method in SAFE or not 200 <= status < 400:
        return []
    found = [request.target]
    for name in ("location", "content-location"):
        value = fields.get(name)
        target = same_origin_target(request, value) if value else None
        if target is not None and target not in found:
            found.append(target)
    return found


def same_origin_target(request: Request, reference: str) -> str | None:
    """Path and query of ``reference``, resolved against the request; None on another origin."""
    try:
        parts = urlsplit(urljoin(request.url, reference.strip()))
        host = normalised_host(parts.netloc, parts.scheme)
    except (ValueError, NearcastError):
        return None
    if (parts.scheme, host) != (request.scheme, request.host):
        return None
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
