"""Subtitles sent beside a video, in what the job publishes: all that were taken, and no other's."""

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ingest_service import ControlEar, Service, make_clip, running
from tests.unit.ingest.clips import FOLDER, ffmpeg

SRT = b"1\n00:00:00,500 --> 00:00:03,000\nHello\n"
LANGUAGES = ("cs", "da", "de", "el", "en", "es", "fi", "fr", "hu", "it", "nl", "pl", "pt", "sv")


@pytest.fixture
def ear() -> Iterator[ControlEar]:
    heard = ControlEar()
    yield heard
    heard.close()


@pytest.fixture
def service(tmp_path: Path, ear: ControlEar) -> Iterator[Service]:
    with running(Service(tmp_path / "service", ear)) as started:
        yield started


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_clip(tmp_path_factory.mktemp("film") / "film.mp4", seconds=4).read_bytes()


def upload(service: Service, film: bytes) -> str:
    job_id: str = service.upload(film).json["job_id"]
    return job_id


def put(service: Service, job_id: str, language: str, query: str = "", body: bytes = SRT) -> int:
    path = f"/v1/jobs/{job_id}/subtitles/{language}{query}"
    return service.ask("PUT", path, body).status


def published(service: Service, job_id: str) -> dict[str, bytes]:
    """The objects of the version that the job has published, by their place in it."""
    job: Any = service.finished(job_id)
    assert job["state"] == "done", job["error"]
    prefix = f"v/{job['asset_id']}/{job['version']}/"
    store = service.folder / "objects"
    listed = json.loads((store / prefix / "manifest.json").read_bytes())["objects"]
    return {one["key"].removeprefix(prefix): (store / one["key"]).read_bytes() for one in listed}


def offered(objects: dict[str, bytes]) -> dict[str, str]:
    """Names of the subtitles in the main playlist, and whether they are the default."""
    lines = [
        line
        for line in objects["main.m3u8"].decode().splitlines()
        if line.startswith("#EXT-X-MEDIA:TYPE=SUBTITLES")
    ]
    found = [re.search(r'NAME="(.*?)".*DEFAULT=(\w+)', line) for line in lines]
    return {one[1]: one[2] for one in found if one is not None}


def sent(objects: dict[str, bytes]) -> set[str]:
    """The languages of the sidecars."""
    found = (re.fullmatch(r"subtitles-sent-(.*)/playlist\.m3u8", key) for key in objects)
    return {one[1] for one in found if one is not None}


def test_what_was_sent_is_published_beside_the_files_own(service: Service) -> None:
    (FOLDER / "own.srt").write_bytes(SRT)
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=4", "-i", "own.srt"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:s", "srt"),
        *("-metadata:s:s:0", "language=eng", "-disposition:s:0", "default", "own.mkv"),
    )
    job_id = upload(service, (FOLDER / "own.mkv").read_bytes())
    assert put(service, job_id, "de", "?label=Deutsch&default=true") == 201
    objects = published(service, job_id)
    assert offered(objects) == {"English": "NO", "Deutsch": "YES"}
    segments = [body for key, body in objects.items() if re.search(r"-sent-de/.*\.vtt$", key)]
    assert len(segments) == 2
    for body in segments:
        assert body.startswith(b"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n")
        assert b"00:00:00.500 --> 00:00:03.000\nHello\n" in body
    # Cleaning left nothing beside what is published.
    assert [key for key in service.objects() if key.startswith("uploads/")] == []


def test_all_that_were_taken_are_published_and_no_others(service: Service, film: bytes) -> None:
    """Until the job takes no more, which may be at any moment of its packaging."""
    job_id = upload(service, film)
    taken: set[str] = set()
    while True:
        for number, language in enumerate(LANGUAGES):
            status = put(service, job_id, language, "?label=A" + str(len(taken)))
            if status == 409:
                break
            assert status == 201
            taken.add(language)
            if number % 5 == 4:
                dropped = min(taken)
                gone = service.ask("DELETE", f"/v1/jobs/{job_id}/subtitles/{dropped}").status
                taken -= {dropped} if gone == 204 else set()
        else:
            continue
        break
    assert taken
    assert sent(published(service, job_id)) == taken


def test_subtitles_of_one_job_are_not_those_of_another_with_the_same_film(
    service: Service, film: bytes
) -> None:
    first = upload(service, film)
    assert put(service, first, "en") == 201
    assert sent(published(service, first)) == {"en"}
    second, third = upload(service, film), upload(service, film)
    assert put(service, third, "de") == 201
    assert sent(published(service, second)) == set()
    assert sent(published(service, third)) == {"de"}


def test_a_copy_is_made_for_jobs_without_any(service: Service, film: bytes) -> None:
    assert sent(published(service, upload(service, film))) == set()
    second = upload(service, film)
    assert sent(published(service, second)) == set()
    assert put(service, second, "en") == 409
    stages = {stage["name"] for stage in service.job(second)["stages"]}
    assert "package" not in stages


def test_what_was_taken_is_published_after_a_kill_in_the_middle(
    tmp_path: Path, ear: ControlEar, film: bytes
) -> None:
    service = Service(tmp_path / "service", ear)
    with running(service):
        job_id = upload(service, film)
        assert put(service, job_id, "en") == 201
        service.until(lambda: settled(service, job_id), "packaging begins")
        service.kill()
        service.start()
        assert sent(published(service, job_id)) == {"en"}


def settled(service: Service, job_id: str) -> bool:
    database = sqlite3.connect(service.folder / "jobs.sqlite")
    try:
        [[body]] = database.execute("SELECT body FROM jobs WHERE job_id = ?", (job_id,)).fetchall()
    finally:
        database.close()
    return bool(json.loads(body)["settled"])
