"""The settings of an edge."""

from pathlib import Path
from typing import Annotated

import msgspec

from common.service import (
    Authority,
    CredentialSettings,
    ListenSettings,
    LogLevel,
    PeerSettings,
)
from common.settings import ByteSize


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of an edge."""

    edge_id: Annotated[
        str,
        msgspec.Meta(
            description="The edge's name; no other edge has it.",
            pattern=r"^[A-Za-z0-9_-]{1,64}\Z",
            extra={"example": "eu-1"},
        ),
    ]
    region: Annotated[
        str,
        msgspec.Meta(
            description="The region it stands in, as the control plane names it.",
            pattern=r"^[A-Za-z0-9_-]{1,64}\Z",
            extra={"example": "eu"},
        ),
    ]
    url: Annotated[
        str,
        msgspec.Meta(
            description="Where viewers reach it.",
            pattern=r"^https?://[!-~]{1,500}\Z",
            extra={"example": "https://eu-1.example.org"},
        ),
    ]
    cache_folder: Annotated[
        Path,
        msgspec.Meta(
            description="Folder of the cache; on a disk of its own where possible.",
            extra={"example": "/var/cache/nearcast"},
        ),
    ]
    listen: Annotated[ListenSettings, msgspec.Meta(description="Where viewers are answered.")]
    admin: Annotated[
        ListenSettings,
        msgspec.Meta(description="Where health and metrics are; not for viewers."),
    ]
    origin: Annotated[PeerSettings, msgspec.Meta(description="Where objects come from.")]
    control: Annotated[
        PeerSettings | None,
        msgspec.Meta(
            description="The control plane. Without one, the edge caches what viewers ask for."
        ),
    ] = None
    credentials: Annotated[
        tuple[CredentialSettings, ...],
        msgspec.Meta(description="Who may ask on the admin port for more than health."),
    ] = ()
    ca: Authority = None
    disk: Annotated[
        ByteSize,
        msgspec.Meta(
            description="Size of the cache on disk; a number of bytes, or as 10GiB.",
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
        msgspec.Meta(description="Objects that are filled at the same time.", ge=1, le=256),
    ] = 4
    log_level: LogLevel = "info"
