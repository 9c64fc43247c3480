"""The settings of the control plane."""

from pathlib import Path
from typing import Annotated

import msgspec

from common.service import (
    Authority,
    CredentialSettings,
    DatabaseSettings,
    ListenSettings,
    LogLevel,
    PeerSettings,
)
from control_plane.accounts.settings import AccountsSettings
from control_plane.api.floods import PlaySettings
from control_plane.dns.settings import DnsSettings
from control_plane.minting import TokenSettings
from control_plane.probing import ProbeSettings
from control_plane.steering import SteeringSettings

PUBLIC_ADDRESS = (
    r"^https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:/[A-Za-z0-9._~/-]*)?\Z"
)
"""A URL whose host goes into a page's Content-Security-Policy as it is."""


class RegionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A region of the fleet."""

    name: Annotated[
        str,
        msgspec.Meta(
            description="The region's name, as edges give it.",
            pattern=r"^[A-Za-z0-9_-]{1,64}\Z",
            extra={"example": "eu"},
        ),
    ]
    title: Annotated[
        str,
        msgspec.Meta(
            description="What people call it.",
            min_length=1,
            max_length=64,
            extra={"example": "Europe"},
        ),
    ]
    latitude: Annotated[
        float,
        msgspec.Meta(
            description="Where its edges are, north of the equator.",
            ge=-90,
            le=90,
            extra={"unit": "degrees", "example": 50.11},
        ),
    ]
    longitude: Annotated[
        float,
        msgspec.Meta(
            description="Where its edges are, east of Greenwich.",
            ge=-180,
            le=180,
            extra={"unit": "degrees", "example": 8.68},
        ),
    ]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of the control plane."""

    listen: Annotated[ListenSettings, msgspec.Meta(description="Where viewers and edges ask.")]
    database: Annotated[DatabaseSettings, msgspec.Meta(description="Where the catalog is kept.")]
    accounts: Annotated[
        AccountsSettings | None,
        msgspec.Meta(
            description="Where users, their tokens, channels and follows are kept; without it "
            "there are none."
        ),
    ] = None
    redis: Annotated[
        Annotated[str, msgspec.Meta(pattern=r"^(rediss?|unix)://")] | None,
        msgspec.Meta(
            description="URL of the Redis server over which several control planes tell one "
            "another at once what is new, and in which they keep titles and descriptions at hand; "
            "without it they see what is new within a second, and edits of those within five.",
            extra={"example": "redis://cache1:6379/0"},
        ),
    ] = None
    snapshot: Annotated[
        Path | None,
        msgspec.Meta(
            description="File in which what is known is kept, so that the control plane routes "
            "after a restart while MongoDB is away.",
            extra={"example": "data/control.snapshot"},
        ),
    ] = None
    probes: Annotated[
        ProbeSettings | None,
        msgspec.Meta(
            description="How edges are asked for what they say they hold. Without this, they are "
            "believed."
        ),
    ] = ProbeSettings()
    regions: Annotated[
        tuple[RegionSettings, ...],
        msgspec.Meta(
            description="The fleet's regions, in the order that counts where distance cannot.",
            min_length=1,
        ),
    ]
    credentials: Annotated[
        tuple[CredentialSettings, ...],
        msgspec.Meta(description="Who may use the API: operators, ingest, and every edge."),
    ] = ()
    ca: Authority = None
    geoip: Annotated[
        tuple[Path, ...],
        msgspec.Meta(
            description="GeoIP databases of cities or countries in MaxMind's file format (.mmdb); "
            "the first that knows an address counts. A file that changes is taken anew. Without "
            "one, clients go to the regions in their order.",
            max_length=8,
            extra={"example": ("GeoLite2-City.mmdb",)},
        ),
    ] = ()
    geoip_asn: Annotated[
        tuple[Path, ...],
        msgspec.Meta(
            description="Databases of autonomous systems, likewise.",
            max_length=8,
            extra={"example": ("GeoLite2-ASN.mmdb",)},
        ),
    ] = ()
    trusted_proxies: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="Networks (CIDR) of proxies whose X-Forwarded-For is believed.",
            extra={"example": ("10.0.0.0/8",)},
        ),
    ] = ()
    play: Annotated[
        PlaySettings, msgspec.Meta(description="How much each client may ask of /play.")
    ] = PlaySettings()
    dns: Annotated[
        DnsSettings | None,
        msgspec.Meta(
            description="Answers DNS with the same routes, for players and downloads that cannot "
            "follow redirects. Without it, nobody is answered."
        ),
    ] = None
    tokens: Annotated[
        TokenSettings | None,
        msgspec.Meta(
            description="Tokens that viewers are given for edges that ask for them; without this, "
            "none."
        ),
    ] = None
    copies_per_region: Annotated[
        int,
        msgspec.Meta(
            description="Edges of each region that hold an asset at least; all of them where it "
            "has fewer. What is watched much has more.",
            ge=0,
            le=1000,
        ),
    ] = 2
    copy_traffic: Annotated[
        int,
        msgspec.Meta(
            description="Traffic that one copy of an asset may carry: what is watched more in a "
            "region has more copies there. About 2 % of what an edge can send.",
            ge=1000,
            extra={"unit": "bits per second"},
        ),
    ] = 20_000_000
    tail_traffic: Annotated[
        int,
        msgspec.Meta(
            description="What is watched less than this in a region has fewer copies there, as "
            "many as tail_copies; with 0, nothing.",
            ge=0,
            extra={"unit": "bits per second"},
        ),
    ] = 0
    tail_copies: Annotated[
        int,
        msgspec.Meta(
            description="Copies in a region of what is hardly watched there: 1 on its shield, 0 "
            "in the origin only.",
            ge=0,
            le=1000,
        ),
    ] = 1
    heartbeat_timeout: Annotated[
        float,
        msgspec.Meta(
            description="Silence after which an edge gets no more viewers.",
            ge=1,
            le=3600,
            extra={"unit": "seconds"},
        ),
    ] = 3.0
    placement_patience: Annotated[
        float,
        msgspec.Meta(
            description="Silence after which an edge's packages are placed on others.",
            ge=1,
            le=604800,
            extra={"unit": "seconds"},
        ),
    ] = 600.0
    steering: Annotated[
        SteeringSettings,
        msgspec.Meta(description="How players are steered between edges while they play."),
    ] = SteeringSettings()
    origin: Annotated[
        PeerSettings | None,
        msgspec.Meta(
            description="The origin, which deletes what is removed; the token's credential there "
            "has the role control. Without it nothing can be removed."
        ),
    ] = None
    ingest: Annotated[
        PeerSettings | None,
        msgspec.Meta(description="Ingest, for the jobs on the page; without it none are shown."),
    ] = None
    uploads_url: Annotated[
        Annotated[str, msgspec.Meta(pattern=PUBLIC_ADDRESS)] | None,
        msgspec.Meta(
            description="Where browsers reach ingest; without it there is no upload page, and no "
            "job can be cancelled or decided on from the page.",
            extra={"example": "https://uploads.example.org"},
        ),
    ] = None
    dashboard_open: Annotated[
        bool,
        msgspec.Meta(
            description="Whether everybody may see the page; otherwise it asks for an operator's "
            "token as password."
        ),
    ] = False
    log_level: LogLevel = "info"
