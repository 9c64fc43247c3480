"""Copying what another job has made, between real stores."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import msgspec
import pytest

from common.messages import JobState, ManifestObject, PackageAnnouncement, PackageManifest, encode
from common.messages.packages import manifest_key, version_prefix
from ingest.jobs import transitions
from ingest.jobs.model import Inspected, Job, TaskKind
from ingest.jobs.store.sqlite import SqliteJobStore
from ingest.jobs.tasks.copying import CopyResult, copy_package
from ingest.jobs.tasks.tools import Packaged, Tools
from ingest.jobs.worker import Assignment, TaskPostponed
from origin.store import ObjectStore, StoreSettings, open_store
from tests.unit.ingest.jobs.records import NOW, a_job, a_task, done

CONTENT = "what both jobs make"
PLAYLIST = (
    '#EXTM3U\n#EXT-X-CONTENT-STEERING:SERVER-URI="https://x.org/steer/a1",PATHWAY-ID="here"\n'
    '#EXT-X-SESSION-DATA:DATA-ID="com.apple.hls.title",VALUE="{}"\n'
)
OBJECTS = {
    "main.m3u8": PLAYLIST.format("A title").encode(),
    "h264/c0000a1/00000.m4s": b"segment" * 1000,
}


@dataclass
class Place:
    """Two jobs with the same content; the first is the one that makes it."""

    tools: Tools
    objects: ObjectStore
    jobs: SqliteJobStore
    maker: Job
    copier: Job

    async def copy(self) -> CopyResult:
        return await copy_package(self.tools, Assignment(self.copier, a_task(TaskKind.COPY)))

    async def package(self) -> None:
        """The maker's package is written and committed."""
        prefix = version_prefix(self.maker.asset_id, self.maker.version)
        listed = []
        for name, body in OBJECTS.items():
            digest = hashlib.sha256(body).hexdigest()
            await self.objects.put(prefix + name, once(body), content_type="video/mp4")
            listed.append(ManifestObject(prefix + name, len(body), digest, "video/mp4"))
        key = manifest_key(self.maker.asset_id, self.maker.version)
        manifest = PackageManifest(
            self.maker.asset_id, self.maker.version, prefix + "main.m3u8", None, tuple(listed)
        )
        body = encode(manifest)
        await self.objects.put(key, once(body), content_type="application/json")
        announcement = PackageAnnouncement(
            asset_id=self.maker.asset_id,
            version=self.maker.version,
            title=self.maker.title,
            entry=manifest.entry,
            poster=None,
            manifest_key=key,
            manifest_sha256=hashlib.sha256(body).hexdigest(),
            bytes=sum(one.size for one in listed),
            object_count=len(listed),
            duration=1.0,
            renditions=("h264",),
        )
        task = a_task(TaskKind.PACKAGE, "package", self.maker.job_id)
        await self.jobs.add_tasks([done(task, encode(Packaged(announcement)))])


async def once(body: bytes) -> AsyncIterator[bytes]:
    yield body


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    jobs = await SqliteJobStore.open(tmp_path / "jobs.sqlite")
    async with open_store(StoreSettings(folder=tmp_path / "objects")) as objects:
        maker = msgspec.structs.replace(a_job("maker"), asset_id="a1", version="v1")
        copier = msgspec.structs.replace(a_job("copier"), asset_id="a2", version="v2", title="Two")
        for job in (maker, copier):
            await jobs.add_job(job)
            inspected = Inspected((), msgspec.Raw(b"{}"), content=CONTENT, copies=job is copier)
            task = a_task(TaskKind.INSPECT, "inspect", job.job_id)
            await jobs.add_tasks([done(task, msgspec.json.encode(inspected))])
        await jobs.hold_content(CONTENT, "maker", instead_of=None)
        needed: dict[str, Any] = {field.name: None for field in fields(Tools)}
        tools = Tools(
            **needed | {"objects": objects, "jobs": jobs, "steering": "https://x.org/steer"}
        )
        yield Place(tools, objects, jobs, maker, copier)
    await jobs.close()


async def read(place: Place, key: str) -> bytes:
    return b"".join([piece async for piece in place.objects.read(key)])


async def test_the_copy_is_a_version_of_its_own(place: Place) -> None:
    await place.package()
    result = await place.copy()
    assert result.copied
    assert result.announcement is not None
    assert (result.announcement.asset_id, result.announcement.title) == ("a2", "Two")
    manifest = msgspec.json.decode(
        await read(place, result.announcement.manifest_key), type=PackageManifest
    )
    assert {one.key for one in manifest.objects} == {f"v/a2/v2/{name}" for name in OBJECTS}
    renamed = PLAYLIST.format("Two").replace("steer/a1", "steer/a2")
    for name, body in (OBJECTS | {"main.m3u8": renamed.encode()}).items():
        assert await read(place, f"v/a2/v2/{name}") == body
    for one in manifest.objects:
        assert hashlib.sha256(await read(place, one.key)).hexdigest() == one.sha256


async def test_copying_again_after_a_crash_makes_the_same(place: Place) -> None:
    await place.package()
    assert await place.copy() == await place.copy()


async def test_a_package_that_is_not_there_yet_is_waited_for(place: Place) -> None:
    with pytest.raises(TaskPostponed, match="the job maker encodes the same file"):
        await place.copy()
    assert await place.jobs.hold_content(CONTENT, "copier", instead_of=None) == "maker"


async def test_a_maker_that_ends_early_is_taken_over_from(place: Place) -> None:
    ending = msgspec.structs.replace(place.maker, cancelled=True, revision=1)
    assert await place.jobs.swap_job(place.maker, ending)
    assert await place.copy() == CopyResult(copied=False)
    assert await place.jobs.hold_content(CONTENT, "x", instead_of=None) == "copier"
    assert await place.copy() == CopyResult(copied=False)


async def test_a_package_of_which_an_object_is_gone_is_made_anew(place: Place) -> None:
    await place.package()
    await place.objects.delete("v/a1/v1/h264/c0000a1/00000.m4s")
    assert await place.copy() == CopyResult(copied=False)


async def test_of_two_that_would_take_over_one_waits_for_the_other(place: Place) -> None:
    failed = msgspec.structs.replace(
        place.maker, state=JobState.FAILED, error="Broken.", revision=1
    )
    await place.jobs.swap_job(place.maker, failed)
    await place.jobs.add_job(a_job("third"))
    await place.jobs.hold_content(CONTENT, "third", instead_of="maker")
    with pytest.raises(TaskPostponed, match="the job third encodes the same file"):
        await place.copy()


async def test_a_package_that_failed_is_not_copied(place: Place) -> None:
    task = a_task(TaskKind.PACKAGE, "package", "maker")
    broken = transitions.failed(transitions.claimed(task, "w", NOW), "Broken.", NOW)
    await place.jobs.add_tasks([broken])
    with pytest.raises(TaskPostponed):
        await place.copy()
