"""Subtitles sent beside a video, over real sockets: taken, kept, replaced, refused."""

import concurrent.futures
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingest.jobs.model import Job
from ingest.jobs.requests import settled
from tests.integration.ingest_service import TOKEN, Answer, ControlEar, Service, running

OPERATOR = "operator-token-for-tests"
STRANGER = "stranger-token-for-tests"
EDGE = "edge-token-for-tests"
CREDENTIALS = [
    {"name": "test", "token": TOKEN, "roles": ["publisher"]},
    {"name": "stranger", "token": STRANGER, "roles": ["publisher"]},
    {"name": "operator", "token": OPERATOR, "roles": ["operator"]},
    {"name": "eu-1", "token": EDGE, "roles": ["edge"]},
]
SRT = b"1\n00:00:01,000 --> 00:00:02,500\nHello\n\n2\n00:00:03,000 --> 00:00:04,000\nthere\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """An ingest whose jobs wait for a worker that inspects them."""
    ear = ControlEar()
    service = Service(
        tmp_path_factory.mktemp("subtitles"),
        ear,
        credentials=CREDENTIALS,
        takes={"kinds": ["audio"]},
    )
    try:
        with running(service):
            yield service
    finally:
        ear.close()


@pytest.fixture
def job_id(service: Service) -> str:
    found: str = service.upload(b"a video").json["job_id"]
    return found


def put(
    service: Service,
    job_id: str,
    language: str = "en",
    body: Any = SRT,
    query: str = "",
    **more: Any,
) -> Answer:
    return service.ask("PUT", f"/v1/jobs/{job_id}/subtitles/{language}{query}", body, **more)


def cues_of(service: Service, job_id: str) -> list[Any]:
    """The cues that lie in the store, of each sidecar."""
    folder = service.folder / "objects" / "uploads" / job_id / "subtitles"
    paths = [path for path in folder.glob("*.json") if "~" not in path.name]
    return [json.loads(path.read_bytes()) for path in paths]


def test_subtitles_are_taken_and_shown(service: Service, job_id: str) -> None:
    answer = put(service, job_id, "pt-br", query="?label=Brasil&default=true&hearing_impaired=true")
    wanted = {
        "language": "pt-BR",
        "label": "Brasil",
        "default": True,
        "forced": False,
        "hearing_impaired": True,
        "cue_count": 2,
    }
    assert (answer.status, answer.json) == (201, wanted)
    assert answer.headers["Cache-Control"] == "no-store"
    assert service.job(job_id)["subtitles"] == [wanted]
    assert cues_of(service, job_id) == [[[1000, 2500, "Hello", ""], [3000, 4000, "there", ""]]]


def test_a_language_that_is_sent_again_is_replaced(service: Service, job_id: str) -> None:
    put(service, job_id, "eng")
    again = put(service, job_id, "en", b"WEBVTT\n\n00:01.000 --> 00:02.000 line:0\nAgain\n")
    assert again.json["label"] == "English"
    assert [one["cue_count"] for one in service.job(job_id)["subtitles"]] == [1]
    assert cues_of(service, job_id) == [[[1000, 2000, "Again", "line:0"]]]


def test_one_language_is_the_default(service: Service, job_id: str) -> None:
    for language in ("en", "de"):
        put(service, job_id, language, query="?default=true")
    shown = service.job(job_id)["subtitles"]
    assert {one["language"]: one["default"] for one in shown} == {"de": True, "en": False}


def test_subtitles_are_taken_back(service: Service, job_id: str) -> None:
    put(service, job_id)
    path = f"/v1/jobs/{job_id}/subtitles/en"
    assert service.ask("DELETE", path).status == 204
    assert service.job(job_id)["subtitles"] == []
    assert cues_of(service, job_id) == []
    missing = service.ask("DELETE", path)
    assert (missing.status, missing.detail) == (404, "The job has no subtitles in 'en'.")


@pytest.mark.parametrize(
    ("language", "query", "body", "status", "detail"),
    [
        ("en", "", b"hello", 422, "Line 1 of the subtitles begins a text"),
        ("en", "", b"1\n0:0 --> never\nx", 422, "Line 2 of the subtitles should be a time span"),
        ("en", "", b"caf\xe9", 422, "Line 1 of the subtitles is not in UTF-8"),
        ("en", "", b"WEBVTT\n", 422, "The subtitles have no cue"),
        ("en", "", b"x" * (5 * 1024 * 1024 + 1), 413, "The subtitles have more than the 5242880"),
        ("english", "", SRT, 422, "'english' is no language"),
        ("en%0a", "", SRT, 422, "'en\\n' is no language"),
        ("und", "", SRT, 422, "'und' is no language"),
        ("en", "?forced=yes", SRT, 400, "The parameter forced must be true or false."),
        ("en", "?label=", SRT, 422, "The label must be 1 to 100 characters"),
        ("en", "?label=a%0Ab", SRT, 422, "The label must be 1 to 100 characters"),
    ],
)
def test_what_is_no_good_is_refused_with_a_sentence(
    service: Service, job_id: str, language: str, query: str, body: bytes, status: int, detail: str
) -> None:
    answer = put(service, job_id, language, body, query)
    assert answer.status == status
    assert answer.detail.startswith(detail)
    assert service.job(job_id)["subtitles"] == []
    assert cues_of(service, job_id) == []


def test_a_body_that_is_too_large_ends_before_all_of_it_came(service: Service, job_id: str) -> None:
    slices = (b"x" * 1_000_000 for _ in range(8))
    assert put(service, job_id, body=slices, Content_Type="text/plain").status == 413


@pytest.mark.parametrize(
    ("token", "status"), [(None, 401), ("nobody's", 401), (EDGE, 403), (STRANGER, 404)]
)
def test_only_the_jobs_owner_may(
    service: Service, job_id: str, token: str | None, status: int
) -> None:
    assert put(service, job_id, token=token).status == status
    path = f"/v1/jobs/{job_id}/subtitles/en"
    assert service.ask("DELETE", path, token=token).status == status


def test_an_operator_may_for_anybody(service: Service, job_id: str) -> None:
    assert put(service, job_id, token=OPERATOR).status == 201
    assert service.ask("DELETE", f"/v1/jobs/{job_id}/subtitles/en", token=OPERATOR).status == 204


def test_a_job_that_is_not_there_has_none(service: Service) -> None:
    assert put(service, "0" * 26).detail == "There is no job '00000000000000000000000000'."


def test_a_job_that_ended_takes_none(service: Service, job_id: str) -> None:
    assert service.ask("POST", f"/v1/jobs/{job_id}/cancel").status == 200
    answer = put(service, job_id)
    assert answer.status == 409
    assert answer.detail.startswith("The job has ended already")


def test_a_job_that_is_packaged_takes_none(service: Service, job_id: str) -> None:
    put(service, job_id)
    settle(service, job_id)
    sentence = "The job takes no more subtitles: its video is packaged already."
    answer = put(service, job_id, "de")
    assert (answer.status, answer.detail) == (409, sentence)
    assert service.ask("DELETE", f"/v1/jobs/{job_id}/subtitles/en").status == 409
    assert [one["language"] for one in service.job(job_id)["subtitles"]] == ["en"]
    assert len(cues_of(service, job_id)) == 1


def settle(service: Service, job_id: str) -> None:
    """Do what packaging begins with, from outside."""
    with sqlite3.connect(service.folder / "jobs.sqlite") as database:
        [row] = database.execute("SELECT body FROM jobs WHERE job_id = ?", (job_id,)).fetchall()
        job = settled(msgspec.json.decode(row[0], type=Job))
        database.execute(
            "UPDATE jobs SET body = ?, revision = ? WHERE job_id = ?",
            (msgspec.json.encode(job).decode(), job.revision, job_id),
        )
    database.close()


def test_languages_sent_at_the_same_time_are_all_kept(service: Service, job_id: str) -> None:
    languages = ["cs", "da", "de", "en", "es", "fr", "it", "nl"]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda language: put(service, job_id, language), languages))
    assert [answer.status for answer in answers] == [201] * 8
    assert [one["language"] for one in service.job(job_id)["subtitles"]] == languages
    assert len(cues_of(service, job_id)) == 8


def test_what_was_taken_outlives_the_process(tmp_path: Path) -> None:
    ear = ControlEar()
    service = Service(tmp_path, ear, takes={"kinds": ["audio"]})
    try:
        with running(service):
            job_id: str = service.upload(b"a video").json["job_id"]
            assert put(service, job_id).status == 201
            service.kill()
            service.start()
            assert [one["language"] for one in service.job(job_id)["subtitles"]] == ["en"]
            assert len(cues_of(service, job_id)) == 1
    finally:
        ear.close()


def upload_command(
    service: Service, film: Path, *subtitles: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [
            *(sys.executable, "-m", "deploy", "upload", str(film)),
            *(word for one in subtitles for word in ("--subtitles", one)),
            *("--ingest", f"http://127.0.0.1:{service.port}", "--token", TOKEN),
        ],
        env={**os.environ, "XDG_CACHE_HOME": str(service.folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_command_line_sends_subtitles_with_the_video(service: Service, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"a film")
    (tmp_path / "film.srt").write_bytes(SRT)
    done = upload_command(service, film, f"en={tmp_path}/film.srt", f"pt-BR={tmp_path}/film.srt")
    assert (done.returncode, done.stderr) == (0, "")
    job_id = re.search(r"job (\w+)", done.stdout)
    assert job_id is not None
    shown = service.job(job_id[1])["subtitles"]
    assert [one["language"] for one in shown] == ["en", "pt-BR"]


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ("film.srt", "'film.srt' names no subtitles: write LANGUAGE=FILE, such as en=film.srt."),
        ("en={folder}/none.srt", "{folder}/none.srt"),
        ("en={folder}/bad.srt", "{folder}/bad.srt: Line 2 of the subtitles should be a time span"),
        ("xyz-{folder}=x", "names no subtitles"),
    ],
)
def test_subtitles_that_are_no_good_are_told_before_the_video_goes(
    service: Service, tmp_path: Path, told: str, sentence: str
) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"a film")
    (tmp_path / "bad.srt").write_bytes(b"1\n00:00 --> soon\nx\n")
    before = len(service.objects())
    done = upload_command(service, film, told.format(folder=tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert sentence.format(folder=tmp_path) in done.stderr
    assert done.stderr.count("\n") == 1
    assert len(service.objects()) == before


def test_a_language_that_is_none_is_told_with_the_job(service: Service, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"another film")
    (tmp_path / "film.srt").write_bytes(SRT)
    done = upload_command(service, film, f"und={tmp_path}/film.srt")
    assert done.returncode == 1
    assert re.fullmatch(
        r"Error: The video is uploaded as job \w+, without its subtitles in und: "
        r"'und' is no language.*\.\n",
        done.stderr,
    )
