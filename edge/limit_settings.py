"""The settings of what viewers may cost an edge."""

from typing import Annotated

import msgspec


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What viewers' connections may cost."""

    line_bytes: Annotated[
        int,
        msgspec.Meta(
            description="Size of a request line, and of each field line.",
            ge=8192,
            le=1024**2,
            extra={"unit": "bytes"},
        ),
    ] = 16 * 1024
    fields: Annotated[int, msgspec.Meta(description="Fields of a request.", ge=64, le=1000)] = 128
    head_seconds: Annotated[
        float,
        msgspec.Meta(
            description="Time that a request's head may take to come.",
            ge=1,
            le=3600,
            extra={"unit": "seconds"},
        ),
    ] = 15.0
    idle_seconds: Annotated[
        float,
        msgspec.Meta(
            description="Time that a connection may be idle.",
            ge=1,
            le=86400,
            extra={"unit": "seconds"},
        ),
    ] = 75.0
    send_bytes_per_second: Annotated[
        int,
        msgspec.Meta(
            description="Rate below which a viewer who takes an answer is let go.",
            ge=0,
            extra={"unit": "bytes per second"},
        ),
    ] = 1024
    send_seconds: Annotated[
        float,
        msgspec.Meta(
            description="Time over which that rate is measured.",
            ge=1,
            le=3600,
            extra={"unit": "seconds"},
        ),
    ] = 30.0
    content_bytes_per_second: Annotated[
        int,
        msgspec.Meta(
            description="Rate below which a request's content is waited for no longer; it is "
            "answered with 408.",
            ge=0,
            extra={"unit": "bytes per second"},
        ),
    ] = 500
    content_seconds: Annotated[
        float,
        msgspec.Meta(
            description="Time of waiting over which that rate is measured.",
            ge=1,
            le=3600,
            extra={"unit": "seconds"},
        ),
    ] = 20.0
    connections: Annotated[
        int,
        msgspec.Meta(description="Connections of the edge; further ones are closed at once.", ge=1),
    ] = 100_000
    connections_per_client: Annotated[
        Annotated[int, msgspec.Meta(ge=1)] | None,
        msgspec.Meta(
            description="Connections of one client. A client is an IPv4 address or an IPv6 "
            "network of 64 bits.",
            extra={"example": 200},
        ),
    ] = None
    requests_per_second: Annotated[
        Annotated[float, msgspec.Meta(gt=0)] | None,
        msgspec.Meta(
            description="Requests a second of one client; further ones are answered with 429.",
            extra={"example": 100.0},
        ),
    ] = None
    request_burst: Annotated[
        int,
        msgspec.Meta(description="Requests that a client may make at once after a pause.", ge=1),
    ] = 200
