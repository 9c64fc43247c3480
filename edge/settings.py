"""The settings of an edge."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from common.service import (
    Authority,
    CredentialSettings,
    ListenSettings,
    LogLevel,
    PeerSettings,
    TokenKeySettings,
)
from common.settings import ByteSize
from edge.limit_settings import LimitSettings


class OriginSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A server where responses come from."""

    url: Annotated[
        str,
        msgspec.Meta(
            description="Its address; a path in it goes before every target.",
            pattern=r"^https?://[!-~]{1,512}\Z",
            extra={"example": "https://origin.example.org"},
        ),
    ]
    token: Annotated[
        Annotated[str, msgspec.Meta(min_length=16, max_length=512)] | None,
        msgspec.Meta(
            description="The token of a credential that it knows, with this edge's own name. "
            "Without one, what viewers send in Authorization is passed on.",
            extra={"example": "a-long-random-secret"},
        ),
    ] = None


class ShieldSettings(msgspec.Struct, frozen=True, kw_only=True):
    """An edge of the same region."""

    edge_id: Annotated[
        str,
        msgspec.Meta(
            description="Its name.",
            pattern=r"^[A-Za-z0-9_-]{1,64}\Z",
            extra={"example": "eu-2"},
        ),
    ]
    url: Annotated[
        str,
        msgspec.Meta(
            description="Where it answers viewers.",
            pattern=r"^https?://[!-~]{1,512}\Z",
            extra={"example": "https://eu-2.example.org"},
        ),
    ]


class KeySettings(msgspec.Struct, frozen=True, kw_only=True):
    """What tells one stored response from another, besides scheme, host and path."""

    counted_parameters: Annotated[
        tuple[str, ...] | None,
        msgspec.Meta(
            description="The query parameters that count. The others are not sent to the origin. "
            "Without this, all count but the ignored ones.",
            extra={"example": ("v", "width")},
        ),
    ] = None
    ignored_parameters: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="Query parameters that never count and are not sent to the origin."
        ),
    ] = ("CMCD", "token")
    sort_parameters: Annotated[
        bool,
        msgspec.Meta(description="Whether the order of query parameters means nothing."),
    ] = False


class AccessLogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where requests are written down."""

    file: Annotated[
        Path,
        msgspec.Meta(
            description="File of the access log.",
            extra={"example": "/var/log/nearcast/access.log"},
        ),
    ]
    format: Annotated[
        Literal["json", "combined"],
        msgspec.Meta(description="A JSON object a line, or Apache's combined format."),
    ] = "json"
    rotate_at: Annotated[
        ByteSize,
        msgspec.Meta(
            description="Size at which a new file is begun.",
            extra={"unit": "bytes"},
        ),
    ] = ByteSize(256 * 1024**2)
    keep: Annotated[
        int,
        msgspec.Meta(description="Old files that are kept.", ge=1, le=1000),
    ] = 8


class FillSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When an edge fills itself, and how fast; what is urgent is bound by neither."""

    window: Annotated[
        Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d\Z")]
        | None,
        msgspec.Meta(
            description="Local time of day in which it is filled, perhaps over midnight; always "
            "without this.",
            extra={"example": "02:00-14:00"},
        ),
    ] = None
    timezone: Annotated[
        Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_+/-]{1,64}\Z")] | None,
        msgspec.Meta(
            description="IANA name of the time zone of the window; this machine's without it.",
            extra={"example": "Europe/Berlin"},
        ),
    ] = None
    rate: Annotated[
        int,
        msgspec.Meta(
            description="Rate of filling in the window; 0 is as fast as it goes. Each worker "
            "process has its part.",
            ge=0,
            extra={"unit": "bits per second"},
        ),
    ] = 0
    rate_outside: Annotated[
        Annotated[int, msgspec.Meta(ge=1)] | None,
        msgspec.Meta(
            description="Rate of filling outside the window; without it, nothing but what is "
            "urgent is filled then.",
            extra={"unit": "bits per second", "example": 20_000_000},
        ),
    ] = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of an edge."""

    edge_id: Annotated[
        str,
        msgspec.Meta(
            description="The edge's name, also in Via and Cache-Status; no other edge has it.",
            pattern=r"^[A-Za-z0-9_-]{1,64}\Z",
            extra={"example": "eu-1"},
        ),
    ] = "edge"
    region: Annotated[
        Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")] | None,
        msgspec.Meta(
            description="The region it stands in; needed with a control plane, which names it.",
            extra={"example": "eu"},
        ),
    ] = None
    url: Annotated[
        Annotated[str, msgspec.Meta(pattern=r"^https?://[!-~]{1,500}\Z")] | None,
        msgspec.Meta(
            description="Where viewers reach it; needed with a control plane.",
            extra={"example": "https://eu-1.example.org"},
        ),
    ] = None
    cache_folder: Annotated[
        Path,
        msgspec.Meta(
            description="Folder of the cache; on a disk of its own where possible.",
            extra={"example": "/var/cache/nearcast"},
        ),
    ]
    listen: Annotated[ListenSettings, msgspec.Meta(description="Where viewers are answered.")]
    admin: Annotated[
        ListenSettings | None,
        msgspec.Meta(
            description="Where health, metrics and purges are; not for viewers. Nowhere without "
            "this."
        ),
    ] = None
    origin: Annotated[OriginSettings, msgspec.Meta(description="Where responses come from.")]
    fallback_origins: Annotated[
        tuple[OriginSettings, ...],
        msgspec.Meta(
            description="Servers that hold the same, asked in this order while the origin fails."
        ),
    ] = ()
    shields: Annotated[
        tuple[ShieldSettings, ...],
        msgspec.Meta(
            description="The other edges of the region. Each key has one edge among them all that "
            "asks the origin; the others ask that one. A control plane tells of others in place of "
            "these."
        ),
    ] = ()
    control: Annotated[
        PeerSettings | None,
        msgspec.Meta(
            description="The control plane, which says what to hold. With one, only objects of "
            "packages are served; without one, the edge is a caching proxy before any origin."
        ),
    ] = None
    control_fallbacks: Annotated[
        tuple[Annotated[str, msgspec.Meta(pattern=r"^https?://[!-~]{1,512}\Z")], ...],
        msgspec.Meta(
            description="URLs of further control planes that share its database and know the same "
            "token, asked in this order when it does not answer.",
            max_length=8,
            extra={"example": ("https://control-2.example.org",)},
        ),
    ] = ()
    credentials: Annotated[
        tuple[CredentialSettings, ...],
        msgspec.Meta(description="Who may ask on the admin port for more than health."),
    ] = ()
    ca: Authority = None
    key: Annotated[
        KeySettings,
        msgspec.Meta(description="What tells one stored response from another."),
    ] = KeySettings()
    token_keys: Annotated[
        tuple[TokenKeySettings, ...],
        msgspec.Meta(
            description="Keys of path tokens. With one, only who has a token in the path, "
            "/t/TOKEN/…, is served; several are good while one is replaced by the next."
        ),
    ] = ()
    token_keys_file: Annotated[
        Path | None,
        msgspec.Meta(
            description="TOML file of [[token_keys]] that come before those above. Every worker "
            "process reads it as it starts: SIGUSR2 has a changed one read with no request lost.",
            extra={"example": "token-keys.toml"},
        ),
    ] = None
    limits: Annotated[
        LimitSettings,
        msgspec.Meta(description="What viewers' connections may cost."),
    ] = LimitSettings()
    access_log: Annotated[
        AccessLogSettings | None,
        msgspec.Meta(description="Where requests are written down; nowhere without this."),
    ] = None
    workers: Annotated[
        int,
        msgspec.Meta(
            description="Processes that answer viewers; one per core is best.", ge=1, le=256
        ),
    ] = 1
    heuristic_freshness: Annotated[
        float,
        msgspec.Meta(
            description="Part of the time since Last-Modified for which a response is fresh when "
            "its origin says nothing; 0 is never, 0.1 is usual.",
            ge=0,
            le=1,
        ),
    ] = 0.0
    negative_lifetime: Annotated[
        float,
        msgspec.Meta(
            description="Time for which an answer that there is nothing (404, 410) is fresh when "
            "its origin says nothing.",
            ge=0,
            le=86400,
            extra={"unit": "seconds"},
        ),
    ] = 0.0
    prefetch: Annotated[
        int,
        msgspec.Meta(
            description="Segments after the one being watched that are fetched ahead.",
            ge=0,
            le=16,
        ),
    ] = 2
    disk: Annotated[
        ByteSize,
        msgspec.Meta(
            description="Size of the cache on disk; a number of bytes, or as 10GiB. Its index, with"
            " small objects, may take a sixteenth of that besides, and some 1 kB for each object.",
            extra={"unit": "bytes"},
        ),
    ] = ByteSize(10 * 1024**3)
    memory: Annotated[
        ByteSize,
        msgspec.Meta(
            description="Size of the hottest objects in memory; a number of bytes, or as 256MiB.",
            extra={"unit": "bytes"},
        ),
    ] = ByteSize(256 * 1024**2)
    heartbeat_interval: Annotated[
        float,
        msgspec.Meta(
            description="Time between heartbeats; well below the control plane's timeout.",
            ge=0.1,
            le=60,
            extra={"unit": "seconds"},
        ),
    ] = 1.0
    fill_concurrency: Annotated[
        int,
        msgspec.Meta(
            description="Objects that are filled at the same time, and urgent ones besides.",
            ge=1,
            le=256,
        ),
    ] = 4
    fill: Annotated[
        FillSettings,
        msgspec.Meta(description="When the edge fills itself, and how fast."),
    ] = FillSettings()
    bandwidth: Annotated[
        int,
        msgspec.Meta(
            description="What the edge can send, as the control plane is told; 0 is unknown.",
            ge=0,
            extra={"unit": "bits per second"},
        ),
    ] = 0
    weight: Annotated[
        float,
        msgspec.Meta(
            description="The edge's share of packages and viewers beside others of the same size.",
            ge=0.01,
            le=100,
        ),
    ] = 1.0
    drain_seconds: Annotated[
        float,
        msgspec.Meta(
            description="Time that answers in flight get to finish when a process ends.",
            ge=0,
            le=3600,
            extra={"unit": "seconds"},
        ),
    ] = 30.0
    log_level: LogLevel = "info"
