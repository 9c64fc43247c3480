"""What ingest shows operators of a video that nobody else can have yet: over real sockets."""

import hashlib
import json
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import pytest

from tests.integration.ingest_service import (
    TOKEN,
    Answer,
    ControlEar,
    Service,
    make_black_clip,
    make_clip,
    running,
)

OPERATOR = "operator-token-for-tests"
CONTROL = "another-control-token"
CREDENTIALS = [
    {"name": "test", "token": TOKEN, "roles": ["publisher"]},
    {"name": "operator", "token": OPERATOR, "roles": ["operator"]},
    {"name": "control", "token": CONTROL, "roles": ["control"]},
]
PAGE = "https://page.example"


@dataclass
class Held:
    """An ingest with two held jobs of the same file: one that was encoded, and its copy."""

    service: Service
    jobs: list[str]

    def ask(
        self, path: str, job_id: str | None = None, token: str | None = OPERATOR, **headers: str
    ) -> Answer:
        url = f"/v1/jobs/{job_id or self.jobs[0]}/watch/{path}"
        return self.service.ask("GET", url, token=token, **headers)

    def prefix(self, job_id: str) -> str:
        job = self.service.job(job_id)
        return f"v/{job['asset_id']}/{job['version']}/"

    def manifest(self, job_id: str) -> list[dict[str, str]]:
        path = self.service.folder / "objects" / self.prefix(job_id) / "manifest.json"
        found: list[dict[str, str]] = json.loads(path.read_bytes())["objects"]
        return found


def hold(service: Service, content: bytes) -> str:
    """A job that is held."""
    job_id: str = service.upload(content).json["job_id"]
    service.until(lambda: bool(service.job(job_id)["state"] == "review"), "it is held")
    return job_id


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    folder = tmp_path_factory.mktemp("watch")
    content = make_black_clip(folder / "black.mp4").read_bytes()
    ear = ControlEar()
    service = Service(
        folder / "ingest",
        ear,
        credentials=CREDENTIALS,
        filters=[{"name": "passages", "kind": "passages"}],
    )
    try:
        with running(service):
            jobs = [hold(service, content) for _ in range(2)]
            yield Held(service, jobs)
            assert ear.heard == []
    finally:
        ear.close()


@pytest.mark.parametrize("copied", [False, True])
def test_an_operator_gets_every_object_of_a_held_package(held: Held, *, copied: bool) -> None:
    job_id = held.jobs[copied]
    prefix = held.prefix(job_id)
    listed = held.manifest(job_id)
    assert f"{prefix}main.m3u8" in {one["key"] for one in listed}
    for one in listed:
        answer = held.ask(one["key"].removeprefix(prefix), job_id)
        assert answer.status == 200
        assert hashlib.sha256(answer.body).hexdigest() == one["sha256"]
        assert answer.headers["Content-Type"] == one["content_type"]
        assert answer.headers["Content-Length"] == str(one["size"])
        assert answer.headers["Cache-Control"] == "no-store"
    (poster,) = (one for one in listed if one["key"].endswith("/poster.jpg"))
    answer = held.ask("poster.jpg", job_id)
    assert hashlib.sha256(answer.body).hexdigest() == poster["sha256"]


def test_the_second_job_copied_the_first(held: Held) -> None:
    stages = held.service.job(held.jobs[1])["stages"]
    assert {one["name"]: one["percent"] for one in stages} == {
        "inspect": 100.0,
        "filter": 100.0,
        "encode": 100.0,
        "publish": 0.0,
    }


def test_a_part_of_an_object_is_answered_with_the_part(held: Held) -> None:
    whole = held.ask("poster.jpg").body
    part = held.ask("poster.jpg", Range="bytes=10-19")
    assert (part.status, part.body) == (206, whole[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(whole)}"
    beyond = held.ask("poster.jpg", Range=f"bytes={len(whole)}-")
    assert beyond.status == 416
    assert beyond.headers["Content-Range"] == f"bytes */{len(whole)}"
    assert "begins after the end" in beyond.detail


@pytest.mark.parametrize(
    ("token", "status"), [(None, 401), ("a-token-nobody-knows", 401), (TOKEN, 403), (CONTROL, 403)]
)
def test_nobody_but_an_operator_gets_anything(held: Held, token: str | None, status: int) -> None:
    for job_id in (*held.jobs, "nobody"):
        answer = held.ask("main.m3u8", job_id, token)
        assert (answer.status, bool(answer.detail)) == (status, True)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "manifest.json",
        "main.m3u8/",
        "/main.m3u8",
        "./main.m3u8",
        "%2e/main.m3u8",
        "x/../main.m3u8",
        "%2e%2e/%2e%2e/secret",
        "..%2f..%2fsecret",
        "main%2em3u8",
        "main.m3u8%00",
        "watch/main.m3u8",
        "a" * 4000,
    ],
)
def test_what_is_not_in_the_package_is_not_there(held: Held, path: str) -> None:
    answer = held.ask(path)
    assert answer.status == 404
    assert len(answer.detail) < 300


def test_one_jobs_address_leads_to_no_other_jobs_objects(held: Held) -> None:
    other = held.prefix(held.jobs[1]).removesuffix("/").split("/")
    for path in (
        f"../../{other[1]}/{other[2]}/main.m3u8",
        f"..%2f..%2f{other[1]}%2f{other[2]}%2fmain.m3u8",
    ):
        target = f"/v1/jobs/{held.jobs[0]}/watch/{path}"
        # Written as it is: clients tidy such paths up.
        with socket.create_connection(("127.0.0.1", held.service.port)) as connection:
            head = f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {OPERATOR}\r\n"
            connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
            status, _, _ = connection.makefile("rb").read().partition(b"\r\n")
        assert status.startswith(b"HTTP/1.1 404 ")


def test_what_an_attempt_left_beside_the_package_is_not_served(held: Held) -> None:
    prefix = held.prefix(held.jobs[0])
    (held.service.folder / "objects" / prefix / "lost.mp4").write_bytes(b"lost")
    assert held.ask("lost.mp4").status == 404


def test_a_page_of_another_origin_may_ask_with_a_token(held: Held) -> None:
    path = f"/v1/jobs/{held.jobs[0]}/watch/main.m3u8"
    preflight = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = held.service.ask("OPTIONS", path, token=None, **preflight)
    assert answer.status == 204
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert held.ask("main.m3u8", Origin=PAGE).headers["Access-Control-Allow-Origin"] == "*"


def test_a_job_that_does_not_exist_is_told(held: Held) -> None:
    answer = held.ask("main.m3u8", "nobody")
    assert (answer.status, answer.detail) == (404, "There is no job 'nobody'.")


def test_what_is_not_packaged_or_not_kept_cannot_be_watched(held: Held, tmp_path: Path) -> None:
    service = held.service
    clip = make_clip(tmp_path / "clip.mp4", seconds=4, size="960x540")
    early = service.upload(clip.read_bytes()).json["job_id"]
    answer = held.ask("main.m3u8", early)
    assert answer.status == 409
    assert answer.detail.startswith("There is nothing to watch of this job: it is ")
    broken = service.upload(b"no video at all").json["job_id"]
    service.finished(broken)
    answer = held.ask("main.m3u8", broken)
    told = "There is nothing to watch of this job: it is failed."
    assert (answer.status, answer.detail) == (409, told)
    service.ask("POST", f"/v1/jobs/{early}/cancel", b"")
    service.finished(early)
    assert held.ask("main.m3u8", early).status == 409


def test_a_refused_video_is_gone_at_once_and_an_approved_one_is_still_shown(
    tmp_path: Path,
) -> None:
    content = make_black_clip(tmp_path / "black.mp4").read_bytes()
    ear = ControlEar()
    service = Service(
        tmp_path / "ingest",
        ear,
        credentials=CREDENTIALS,
        filters=[{"name": "passages", "kind": "passages"}],
    )
    try:
        with running(service):
            jobs = [hold(service, content) for _ in range(2)]
            both = Held(service, jobs)
            for job_id, approve in zip(jobs, (True, False), strict=True):
                assert both.ask("main.m3u8", job_id).status == 200
                body = json.dumps({"approve": approve}).encode()
                service.ask("POST", f"/v1/jobs/{job_id}/review", body, OPERATOR)
                assert both.ask("main.m3u8", job_id).status == (200 if approve else 409)
                service.finished(job_id)
                assert both.ask("main.m3u8", job_id).status == (200 if approve else 409)
    finally:
        ear.close()


def test_ffmpeg_plays_a_held_video_from_there(held: Held, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{held.service.port}/v1/jobs/{held.jobs[1]}/watch/main.m3u8"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error"]
    command += ["-headers", f"Authorization: Bearer {OPERATOR}\r\n", "-i", url]
    made = tmp_path / "frames"
    subprocess.run([*command, "-map", "0:v:0", "-f", "framehash", str(made)], check=True)
    frames = [line for line in made.read_text().splitlines() if not line.startswith("#")]
    assert len(frames) == 100
