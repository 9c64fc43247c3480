"""The head of a response as bytes (RFC 9112 §4, §5)."""

from common.http.fields import Pairs


def render_head(status: int, reason: str, fields: Pairs) -> bytes:
    """Status line, field lines and the empty line."""
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in fields)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def framed(fields: Pairs, length: int | None) -> Pairs:
    """``fields``, with Content-Length where there is a length to tell."""
    return fields if length is None else (*fields, ("Content-Length", str(length)))
