"""The settings of the roles ``ingest`` and ``worker``."""

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
from ingest.filter import FilterSettings
from ingest.inspect import InspectionLimits, MediaLimits, MediaProfile, limits_of
from ingest.jobs.settings import TakesSettings, WebhookSettings
from ingest.plan import PlanSettings
from ingest.transcode.settings import TranscodeSettings
from ingest.upload.quota import QuotaSettings
from origin.store import StoreSettings


class BrokerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What tells workers of tasks."""

    redis: Annotated[
        str,
        msgspec.Meta(
            description="URL of the Redis server.",
            pattern=r"^(rediss?|unix)://",
            extra={"example": "redis://queue:6379/0"},
        ),
    ]


class NamedQuota(QuotaSettings, frozen=True, kw_only=True):
    """What one credential may do, by its name."""

    name: Annotated[
        str,
        msgspec.Meta(
            description="The credential's name.",
            pattern=r"^[A-Za-z0-9_-]{1,64}\Z",
            extra={"example": "studio"},
        ),
    ]


class UploadSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How uploads are taken in."""

    at_once: Annotated[
        int, msgspec.Meta(description="Uploads that may run at the same time.", ge=1, le=10_000)
    ] = 256
    stall_seconds: Annotated[
        float,
        msgspec.Meta(
            description="An upload that sends nothing for so long is given up.",
            gt=0,
            le=3600,
            extra={"unit": "seconds"},
        ),
    ] = 60.0
    kept_seconds: Annotated[
        float,
        msgspec.Meta(
            description="An upload that is not whole is deleted so long after its last byte.",
            ge=60,
            le=7 * 86_400,
            extra={"unit": "seconds"},
        ),
    ] = 86_400.0
    quota: Annotated[
        QuotaSettings, msgspec.Meta(description="What each credential may upload.")
    ] = QuotaSettings()
    quotas: Annotated[
        tuple[NamedQuota, ...],
        msgspec.Meta(description="What single credentials may upload instead."),
    ] = ()


class WorkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What any process that works on tasks needs to know."""

    store: Annotated[StoreSettings, msgspec.Meta(description="Where sources and packages lie.")]
    database: Annotated[DatabaseSettings, msgspec.Meta(description="Where jobs are kept.")]
    control: Annotated[
        PeerSettings, msgspec.Meta(description="Where finished versions are announced.")
    ]
    steering: Annotated[
        Annotated[str, msgspec.Meta(pattern=r"^https?://[!-~]{1,512}\Z")] | None,
        msgspec.Meta(
            description="URL below which players ask, by asset, where to go on when their edge "
            "fails: `/steer` of the control plane. Packages tell them of none without it.",
            extra={"example": "https://play.example.org/steer"},
        ),
    ] = None
    work_folder: Annotated[
        Path,
        msgspec.Meta(
            description="Folder for files in the making; needs room for a source and its encodes.",
            extra={"example": "data/work"},
        ),
    ]
    takes: Annotated[TakesSettings, msgspec.Meta(description="Which tasks are taken.")] = (
        TakesSettings()
    )
    short_seconds: Annotated[
        float,
        msgspec.Meta(
            description="Videos up to this length go before longer ones.",
            ge=0,
            extra={"unit": "seconds"},
        ),
    ] = 60.0
    webhooks: Annotated[
        tuple[WebhookSettings, ...],
        msgspec.Meta(description="Who is told what becomes of jobs."),
    ] = ()
    concurrency: Annotated[
        int,
        msgspec.Meta(description="Tasks that one process works on at the same time.", ge=1, le=256),
    ] = 2
    ca: Authority = None
    limits: Annotated[MediaLimits, msgspec.Meta(description="Which media are taken.")] = (
        MediaLimits()
    )
    profiles: Annotated[
        tuple[MediaProfile, ...],
        msgspec.Meta(
            description="Limits that an upload may name instead. One is there without being set: "
            '"shorts", which takes 10 seconds and is else as [limits].'
        ),
    ] = ()
    inspection: Annotated[
        InspectionLimits, msgspec.Meta(description="What looking into a file may cost.")
    ] = InspectionLimits()
    filters: Annotated[
        tuple[FilterSettings, ...],
        msgspec.Meta(description="Content filters, asked in this order."),
    ] = ()
    plan: Annotated[
        PlanSettings, msgspec.Meta(description="How videos are cut into segments and chunks.")
    ] = PlanSettings()
    encoding: Annotated[TranscodeSettings, msgspec.Meta(description="How videos are encoded.")] = (
        TranscodeSettings()
    )
    keep_sources: Annotated[
        bool, msgspec.Meta(description="Keep the uploaded files of jobs that are done.")
    ] = False
    log_level: LogLevel = "info"

    def limits_of(self, profile: str | None) -> MediaLimits:
        """The limits for an upload that names ``profile``, or none.

        Raises:
            ProfileUnknown: there is none of that name.
        """
        return limits_of(profile, self.limits, self.profiles)

    @property
    def largest_file(self) -> int:
        """Bytes that a file may have at most, whatever its profile."""
        return max(int(limits.max_bytes) for limits in (self.limits, *self.profiles))


class Settings(WorkSettings, frozen=True, kw_only=True):
    """Settings of the role ``ingest``."""

    listen: Annotated[ListenSettings, msgspec.Meta(description="Where uploads are taken.")]
    credentials: Annotated[
        tuple[CredentialSettings, ...],
        msgspec.Meta(description="Who may upload (publisher) and who may see jobs (control)."),
    ] = ()
    upload: Annotated[UploadSettings, msgspec.Meta(description="How uploads are taken in.")] = (
        UploadSettings()
    )
    allowed_origins: Annotated[
        tuple[Annotated[str, msgspec.Meta(pattern=r"^(\*|https?://[!-~]{1,255})\Z")], ...],
        msgspec.Meta(
            description="Origins of web pages that may use the API; `*` is any, which is safe, as "
            "a page needs a token too.",
        ),
    ] = ("*",)
    broker: Annotated[
        BrokerSettings | None,
        msgspec.Meta(
            description="What tells workers of tasks. Without it this process works on them itself."
        ),
    ] = None


class WorkerSettings(WorkSettings, frozen=True, kw_only=True):
    """Settings of the role ``worker``."""

    listen: Annotated[
        ListenSettings, msgspec.Meta(description="Where health and metrics are answered.")
    ]
    broker: Annotated[BrokerSettings, msgspec.Meta(description="What tells workers of tasks.")]
