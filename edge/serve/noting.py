"""What the access log is told of a request that took the handlers' lane."""

from edge.policy.access_line import AccessRecord
from edge.serve.requests import Visit


def record_of(visit: Visit, began: float, seconds: float) -> AccessRecord:
    """The record of an answered request that began at ``began`` and took ``seconds``."""
    request, transport = visit.request, visit.raw.transport
    tls = transport.get_extra_info("ssl_object") if transport is not None else None
    major, minor = visit.raw.version
    return AccessRecord(
        time=began,
        duration=seconds,
        client=visit.client,
        method=request.method,
        # With what does not count in the key, CMCD above all.
        target=visit.raw.raw_path,
        version=f"HTTP/{major}.{minor}",
        status=visit.status,
        sent=visit.sent,
        host=request.host,
        cache_result=visit.result,
        cache_status=visit.cache_status,
        referrer=request.fields.get("referer"),
        user_agent=request.fields.get("user-agent"),
        tls=tls.version() if tls is not None else None,
    )
