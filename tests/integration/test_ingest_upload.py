"""Uploads over real sockets: what is taken, what is refused, and what stays behind."""

import contextlib
import json
import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import imageio_ffmpeg
import pytest

from tests.integration.ingest_service import (
    CONTROL_TOKEN,
    EDGE_TOKEN,
    FINAL,
    TOKEN,
    ControlEar,
    Service,
    make_clip,
    running,
)

LIMIT = 3_000_000


@pytest.fixture(scope="module")
def ear() -> Iterator[ControlEar]:
    ear = ControlEar()
    yield ear
    ear.close()


@pytest.fixture(scope="module")
def ingest(tmp_path_factory: pytest.TempPathFactory, ear: ControlEar) -> Iterator[Service]:
    service = Service(
        tmp_path_factory.mktemp("ingest"),
        ear,
        limits={"max_bytes": LIMIT, "max_seconds": 30.0, "max_side": 2000},
        upload={"stall_seconds": 1.0, "at_once": 4},
    )
    with running(service):
        yield service


@pytest.fixture(autouse=True)
def _settled(ingest: Service) -> Iterator[None]:
    """Each test finds the service idle, so that it may compare what lies there."""
    yield
    ingest.until(
        lambda: all(job["state"] in FINAL for job in ingest.get("/v1/jobs").json), "it is idle"
    )


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=4).read_bytes()


def failed(ingest: Service, body: bytes) -> str:
    """Uploads, waits for the job to fail, and answers why; nothing of it may stay."""
    before = ingest.leftovers()
    answer = ingest.upload(body)
    assert answer.status == 201
    job = ingest.finished(answer.json["job_id"])
    assert job["state"] == "failed"
    assert ingest.leftovers() == before
    error: str = job["error"]
    return error


def raw(ingest: Service, head: str, body: bytes = b"", *, close: bool = False) -> bytes:
    """Sends a request byte by byte as given, and answers all that comes back."""
    with socket.create_connection(("127.0.0.1", ingest.port), timeout=10) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        if close:
            return b""
        # The server reads on for a while after a refusal, so the end is told by the length alone.
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65536)
        length = re.search(rb"Content-Length: (\d+)", received)
        while length and len(received.partition(b"\r\n\r\n")[2]) < int(length[1]):
            received += connection.recv(65536)
        return received


def head(*fields: str, token: str = TOKEN) -> str:
    lines = ("PUT /v1/videos?title=raw HTTP/1.1", "Host: x", f"Authorization: Bearer {token}")
    return "\n".join((*lines, *fields))


def test_a_video_becomes_a_package_that_is_announced(
    ingest: Service, ear: ControlEar, clip: bytes
) -> None:
    answer = ingest.upload(clip, title="Gr%C3%BC%C3%9Fe")
    assert answer.status == 201
    job = answer.json
    assert answer.headers["Location"] == f"/v1/jobs/{job['job_id']}"
    assert (job["title"], job["error"]) == ("Grüße", None)
    done = ingest.finished(job["job_id"])
    assert (done["state"], done["percent"]) == ("done", 100.0)
    announced = next(one for one in ear.heard if one["asset_id"] == job["asset_id"])
    assert announced["title"] == "Grüße"
    assert ear.tokens == {f"Bearer {CONTROL_TOKEN}"}
    manifest = json.loads((ingest.folder / "objects" / announced["manifest_key"]).read_bytes())
    mine = [key for key in ingest.objects() if job["job_id"] in key or job["version"] in key]
    listed = [one["key"] for one in manifest["objects"]]
    assert mine == sorted([*listed, announced["manifest_key"]])


def test_the_source_is_gone_once_the_job_is_done(ingest: Service, clip: bytes) -> None:
    job_id = ingest.upload(clip).json["job_id"]
    ingest.finished(job_id)
    assert [key for key in ingest.objects() if key.startswith("uploads/")] == []


def test_a_chunked_body_without_a_length_is_taken(ingest: Service, clip: bytes) -> None:
    pieces = [clip[start : start + 50_000] for start in range(0, len(clip), 50_000)]
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    answer = raw(ingest, head("Transfer-Encoding: chunked", "Connection: close"), body)
    assert answer.startswith(b"HTTP/1.1 201 ")
    assert b"Location: /v1/jobs/" in answer


def test_a_file_that_is_no_video_fails_with_its_sentence(ingest: Service) -> None:
    error = failed(ingest, b"This is a text, and only that. " * 1000)
    assert error == "The file is not a video in any format known here."


def test_a_playlist_is_not_followed(ingest: Service) -> None:
    text = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
    assert failed(ingest, text).startswith(
        ("Files of this kind are not", "The file is not a video")
    )


def test_a_truncated_video_fails_with_its_sentence(ingest: Service, clip: bytes) -> None:
    error = failed(ingest, clip[: len(clip) // 2])
    assert error.startswith(("The file ends too early", "The file is damaged", "The file is not"))


def test_sound_alone_fails_with_its_sentence(ingest: Service, tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    arguments = ("-v", "error", "-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac", str(path))
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *arguments], check=True)
    assert failed(ingest, path.read_bytes()) == "The file has no video stream."


def test_a_video_that_is_too_long_fails_with_its_sentence(ingest: Service, tmp_path: Path) -> None:
    path = make_clip(tmp_path / "long.mp4", seconds=31, size="32x32", audio=False)
    assert failed(ingest, path.read_bytes()).startswith("The video lasts 31.0 seconds")


def test_a_picture_that_is_too_large_fails_with_its_sentence(
    ingest: Service, tmp_path: Path
) -> None:
    path = make_clip(tmp_path / "large.mp4", seconds=0.2, size="2400x64", audio=False)
    assert failed(ingest, path.read_bytes()).startswith("The picture has 2400 by 64 pixels")


def test_an_empty_file_is_refused(ingest: Service) -> None:
    answer = ingest.upload(b"")
    assert (answer.status, answer.detail) == (422, "The file is empty.")


def test_a_file_over_the_limit_is_refused_at_its_length(ingest: Service) -> None:
    answer = raw(ingest, head(f"Content-Length: {LIMIT + 1}", "Connection: close"))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"larger than the 3000000 bytes" in answer


def test_a_file_over_the_limit_is_refused_at_the_count(ingest: Service) -> None:
    before = ingest.leftovers()
    piece = bytes(1_000_000)
    body = (b"%x\r\n%s\r\n" % (len(piece), piece)) * 4 + b"0\r\n\r\n"
    answer = raw(ingest, head("Transfer-Encoding: chunked", "Connection: close"), body)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert ingest.leftovers() == before


@pytest.mark.parametrize(
    ("fields", "token", "status"),
    [
        ((f"Content-Length: {LIMIT + 1}",), TOKEN, b"413"),
        (("Content-Length: 100",), "wrong-token-of-some-length", b"401"),
        (("Content-Length: 100",), EDGE_TOKEN, b"403"),
        (("Content-Length: 0",), TOKEN, b"422"),
    ],
)
def test_what_will_be_refused_is_refused_before_the_body_is_sent(
    ingest: Service, fields: tuple[str, ...], token: str, status: bytes
) -> None:
    answer = raw(ingest, head(*fields, "Expect: 100-continue", token=token))
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"100 Continue" not in answer


def test_what_will_be_taken_is_asked_to_go_on(ingest: Service, clip: bytes) -> None:
    fields = head(f"Content-Length: {len(clip)}", "Expect: 100-continue", "Connection: close")
    with socket.create_connection(("127.0.0.1", ingest.port), timeout=10) as connection:
        connection.sendall(fields.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(clip)
        assert connection.recv(100).startswith(b"HTTP/1.1 201 ")


@pytest.mark.parametrize(
    ("token", "status"), [(None, 401), ("wrong-token-of-some-length", 401), (EDGE_TOKEN, 403)]
)
def test_a_wrong_credential_is_refused(ingest: Service, token: str | None, status: int) -> None:
    before = ingest.leftovers()
    answer = ingest.upload(b"x" * 100, token=token)
    assert answer.status == status
    assert answer.detail.endswith(".")
    assert ingest.leftovers() == before


@pytest.mark.parametrize("title", ["", "%20", "a%0Ab", "%E2%80%AEx", "x" * 257])
def test_a_hostile_title_is_refused(ingest: Service, title: str) -> None:
    answer = ingest.upload(b"x", title=title)
    assert answer.status == 422
    assert "without control characters" in answer.detail


def test_an_upload_that_is_cut_off_leaves_nothing(ingest: Service) -> None:
    before, jobs = ingest.leftovers(), ingest.get("/v1/jobs").json
    raw(ingest, head("Content-Length: 2000000"), bytes(1_200_000), close=True)
    ingest.until(lambda: 'status="400"' in ingest.get("/metrics").body.decode(), "it noticed")
    assert ingest.leftovers() == before
    assert len(ingest.get("/v1/jobs").json) == len(jobs)


def test_an_upload_that_stalls_is_given_up(ingest: Service) -> None:
    before = ingest.leftovers()
    answer = raw(ingest, head("Content-Length: 2000000"), bytes(1_200_000))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"No byte came for 1 s" in answer
    assert ingest.leftovers() == before


def test_more_uploads_at_once_than_the_setting_allows_are_told_to_come_back(
    ingest: Service,
) -> None:
    request = head("Content-Length: 1000").replace("\n", "\r\n").encode() + b"\r\n\r\nx"
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            connection = socket.create_connection(("127.0.0.1", ingest.port), timeout=10)
            stack.enter_context(connection).sendall(request)
        ingest.until(lambda: ingest.upload(b"x").status == 503, "it is busy", within=0.9)
    ingest.until(lambda: ingest.upload(b"x").status == 201, "it noticed that they are gone")


def test_an_unknown_job_is_told(ingest: Service) -> None:
    answer = ingest.get("/v1/jobs/nobody")
    assert (answer.status, answer.detail) == (404, "There is no job 'nobody'.")


def test_jobs_are_listed_newest_first(ingest: Service, clip: bytes) -> None:
    names = [ingest.upload(clip).json["job_id"] for _ in range(2)]
    listed = ingest.get("/v1/jobs?limit=2").json
    assert [job["job_id"] for job in listed] == names[::-1]


@pytest.mark.parametrize("limit", ["0", "201", "x", "-1", "9" * 50])
def test_a_limit_out_of_bounds_is_refused(ingest: Service, limit: str) -> None:
    assert ingest.get(f"/v1/jobs?limit={limit}").status == 400


def test_events_tell_a_job_to_its_end(ingest: Service, clip: bytes) -> None:
    # A free box makes it a file that was not encoded before.
    job_id = ingest.upload(clip + b"\0\0\0\x0cfreenews").json["job_id"]
    answer = ingest.get(f"/v1/jobs/{job_id}/events")
    assert answer.headers["Content-Type"] == "text/event-stream"
    views = [
        json.loads(line.removeprefix(b"data: "))
        for line in answer.body.splitlines()
        if line.startswith(b"data: ")
    ]
    assert len(views) > 2
    assert views[-1]["state"] == "done"
    percents = [view["percent"] for view in views]
    assert percents == sorted(percents)


def test_events_of_a_finished_job_are_one(ingest: Service) -> None:
    job_id = ingest.upload(b"no video").json["job_id"]
    ingest.finished(job_id)
    assert ingest.get(f"/v1/jobs/{job_id}/events").body.count(b"data: ") == 1


def test_events_of_an_unknown_job_are_a_problem(ingest: Service) -> None:
    assert ingest.get("/v1/jobs/nobody/events").status == 404


def on_a_small_disk(folder: Path) -> Callable[[list[str]], list[str]]:
    """Starts a program that sees ``folder`` as a disk of 1 MiB of its own."""
    folder.mkdir()
    script = f'mount -t tmpfs -o size=1m tmpfs {folder} && exec "$@"'
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    return lambda arguments: ["unshare", "--mount", *user, "sh", "-c", script, "sh", *arguments]


def test_a_full_work_folder_is_a_passing_error(tmp_path: Path, ear: ControlEar) -> None:
    clip = make_clip(tmp_path / "clip.mp4", seconds=4, size="1280x720").read_bytes()
    service = Service(tmp_path, ear, command=on_a_small_disk(tmp_path / "work"))
    with running(service):
        job_id = service.upload(clip).json["job_id"]
        service.until(lambda: "No space is left in the work folder." in service.log, "it is told")
        assert service.job(job_id)["state"] == "encoding"


def test_a_full_disk_is_told_and_nothing_stays(tmp_path: Path, ear: ControlEar) -> None:
    objects = tmp_path / "objects"
    service = Service(tmp_path, ear, command=on_a_small_disk(objects))
    with running(service):
        assert service.process is not None
        answer = service.upload(bytes(4_000_000))
        assert answer.status == 507
        assert answer.detail.startswith("No space is left in ")
        inside = Path(f"/proc/{service.process.pid}/root{objects}")
        assert [path for path in inside.rglob("*") if path.is_file()] == []
        assert service.get("/v1/jobs").json == []
        assert service.upload(b"small enough").status == 201
