"""What an operator sets of an origin."""

from typing import Annotated

import msgspec

from common.service import CredentialSettings, ListenSettings, LogLevel
from origin.replicas.layout import CHECK
from origin.store import StoreSettings

RegionName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]


class SourceSettings(StoreSettings, frozen=True, kw_only=True):
    """The store of another region: give either a folder or a table for S3."""

    name: Annotated[
        RegionName,
        msgspec.Meta(
            description="Name of the region, in logs and metrics.", extra={"example": "us"}
        ),
    ]


class ReplicationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the own store is kept like the others."""

    enabled: Annotated[
        bool,
        msgspec.Meta(
            description="Whether this process copies and checks. Of several origins of a region, "
            "one does."
        ),
    ] = True
    rate: Annotated[
        int,
        msgspec.Meta(
            description="How fast it copies at most, for all packages together; 0 for no bound.",
            ge=0,
            extra={"unit": "bit/s"},
        ),
    ] = 0
    objects_at_once: Annotated[
        int,
        msgspec.Meta(
            description="Objects that it copies at the same time; each takes 5 MiB of memory at "
            "most.",
            ge=1,
            le=256,
        ),
    ] = 8
    look_every: Annotated[
        float,
        msgspec.Meta(
            description="How long after a look for new assets the next one comes. What a viewer's "
            "edge asks for is copied at once.",
            ge=0.1,
            le=86400,
            extra={"unit": "seconds"},
        ),
    ] = 10.0
    survey_every: Annotated[
        float,
        msgspec.Meta(
            description="How long after one look at all versions the next one comes.",
            ge=0.1,
            le=30 * 86400,
            extra={"unit": "seconds"},
        ),
    ] = 6 * 3600.0
    checks_per_second: Annotated[
        float,
        msgspec.Meta(
            description="How many versions of the own store are held against their manifests, "
            "again and again, in the background.",
            gt=0,
            le=1000,
        ),
    ] = 2.0


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the origin."""

    listen: Annotated[
        ListenSettings,
        msgspec.Meta(description="Where edges reach the origin, and where it tells its health."),
    ]
    store: Annotated[
        StoreSettings,
        msgspec.Meta(
            description="Where the objects of this region are: the store that ingest writes to, or "
            "a copy of it. Give either a folder or a table [store.s3]."
        ),
    ]
    credentials: Annotated[
        tuple[CredentialSettings, ...],
        msgspec.Meta(
            description="Who may read objects: one credential with the role edge for each edge; "
            "and who may delete versions: the control plane's, with the role control.",
            min_length=1,
        ),
    ]
    region: Annotated[
        RegionName,
        msgspec.Meta(description="Name of the own store's region, in logs and metrics."),
    ] = "own"
    sources: Annotated[
        tuple[SourceSettings, ...],
        msgspec.Meta(
            description="The stores of other regions, the nearest first. What they hold is copied "
            "into the own store, and read from them while the own store lacks it or fails; what "
            "is deleted is deleted in all."
        ),
    ] = ()
    replication: Annotated[
        ReplicationSettings,
        msgspec.Meta(description="How packages are copied from the sources."),
    ] = ReplicationSettings()
    log_level: LogLevel = "info"

    def __post_init__(self) -> None:
        names = [self.region, *(source.name for source in self.sources)]
        if len({*names, CHECK}) <= len(names):
            raise ValueError(f"Expected a name of its own for each region, and none called {CHECK}")
        stores: tuple[StoreSettings, ...] = (self.store, *self.sources)
        if len({store.place for store in stores}) < len(stores):
            # A copy that is none would be told to be whole.
            raise ValueError("Expected a store of its own for each region")
