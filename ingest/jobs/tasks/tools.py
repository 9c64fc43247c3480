"""What work needs, and what it hands on from task to task."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp
import msgspec

from common.clock import Clock
from common.messages import ManifestObject, PackageAnnouncement
from ingest.filter import FilterSettings
from ingest.inspect import InspectionLimits, MediaLimits
from ingest.jobs.model import Inspected, Job, Task, TaskKind
from ingest.jobs.scratch import Scratch
from ingest.jobs.settings import WebhookSettings
from ingest.jobs.sources import Sources
from ingest.jobs.store import JobStore
from ingest.package import PartFacts
from ingest.plan import Chunk, EncodeGroup, EncodingPlan, PlanSettings
from ingest.transcode.settings import TranscodeSettings
from origin.store import ObjectStore


@dataclass(frozen=True)
class Tools:
    """What any work may use."""

    objects: ObjectStore
    jobs: JobStore
    sources: Sources
    scratch: Scratch
    clock: Clock
    session: aiohttp.ClientSession
    """Sends the credential that the control plane knows."""
    control: str
    """URL of the control plane."""
    steering: str | None
    """URL below which players ask for their pathway, by asset; they are told of none without it."""
    outside: aiohttp.ClientSession
    """Sends no credential."""
    webhooks: Mapping[str, WebhookSettings]
    """By name."""
    short_seconds: float
    limits_of: Callable[[str | None], MediaLimits]
    """The limits of a profile that an upload names."""
    inspection: InspectionLimits
    filters: tuple[FilterSettings, ...]
    plan: PlanSettings
    encoding: TranscodeSettings
    keep_sources: bool

    async def task_of(self, job: Job, name: str) -> Task:
        """The task of ``job`` of that name, which exists."""
        task = await self.jobs.task(f"{job.job_id}-{name}")
        assert task is not None
        return task

    def steering_of(self, job: Job) -> str | None:
        """Where players of the video of ``job`` ask for their pathway."""
        return None if self.steering is None else f"{self.steering.rstrip('/')}/{job.asset_id}"

    async def plan_of(self, job: Job) -> EncodingPlan:
        """The plan that the inspection of ``job`` made."""
        inspect = await self.task_of(job, TaskKind.INSPECT)
        inspected = msgspec.json.decode(inspect.result, type=Inspected)
        return msgspec.json.decode(inspected.plan, type=EncodingPlan)


class Encoded(msgspec.Struct, frozen=True):
    """The result of encoding a chunk or a track of the sound, or of taking subtitles out."""

    part: str
    """Folder of this attempt in each rendition, see ``ingest.package.part_name``."""
    renditions: dict[str, PartFacts]


class Pictured(msgspec.Struct, frozen=True):
    """The result of taking pictures."""

    pictures: tuple[ManifestObject, ...]
    """By their file names; see ``ingest.package.layout``."""


class Packaged(msgspec.Struct, frozen=True):
    """The result of packaging."""

    announcement: PackageAnnouncement


def chunk_task_name(chunk: Chunk, group: EncodeGroup) -> str:
    """The name of the task that encodes ``chunk`` in the renditions of ``group``."""
    return f"c{chunk.index:04d}-{group.name}"


def track_task_name(number: int) -> str:
    """The name of the task that encodes track ``number`` of the plan's sound, from 0."""
    return f"audio-{number}"
