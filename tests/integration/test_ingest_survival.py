"""Ingest's promise under kill -9: what was answered with 201 ends as one published version."""

import json
import socket
import subprocess
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.integration.ingest_service import TOKEN, ControlEar, Service, make_clip, running
from tests.servers.s3 import S3Server

SLOW: dict[str, Any] = {"encoding": {"preset": "slow", "threads": 1}}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=8).read_bytes()


def published_once(service: Service, ear: ControlEar, job: dict[str, Any]) -> None:
    """The job ended as one version that is whole, and nothing else of it stayed."""
    assert (job["state"], job["error"]) == ("done", None)
    announced = [one for one in ear.heard if one["asset_id"] == job["asset_id"]]
    assert announced
    assert all(one == announced[0] for one in announced)
    manifest = json.loads((service.folder / "objects" / announced[0]["manifest_key"]).read_bytes())
    listed = [one["key"] for one in manifest["objects"]]
    assert service.objects() == sorted([*listed, announced[0]["manifest_key"]])


def encoders_of(service: Service) -> list[int]:
    """Processes that write into the work folder of ``service``."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            place = (entry / "cwd").readlink() if entry.name.isdigit() else Path("/")
        except OSError:
            continue
        if place.is_relative_to(service.folder / "work"):
            found.append(int(entry.name))
    return found


def encoding(service: Service, job_id: str) -> Callable[[], bool]:
    return lambda: service.job(job_id)["state"] == "encoding" and bool(encoders_of(service))


def connection(service: Service, request: str, *fields: str) -> socket.socket:
    """A connection over which the head of a request was sent."""
    opened = socket.create_connection(("127.0.0.1", service.port), timeout=10)
    lines = (request, "Host: x", f"Authorization: Bearer {TOKEN}", *fields, "", "")
    opened.sendall("\r\n".join(lines).encode())
    return opened


def test_a_job_answered_with_201_survives_kill_9_right_after(
    tmp_path: Path, ear: ControlEar, clip: bytes
) -> None:
    service = Service(tmp_path, ear)
    with running(service):
        answer = service.upload(clip)
        service.kill()
        assert answer.status == 201
        service.start()
        published_once(service, ear, service.finished(answer.json["job_id"]))


def test_kill_9_in_the_middle_of_an_encode_leaves_no_encoder_and_the_job_ends_right(
    tmp_path: Path, ear: ControlEar, large_clip: bytes
) -> None:
    service = Service(tmp_path, ear, **SLOW)
    with running(service):
        job_id = service.upload(large_clip).json["job_id"]
        service.until(encoding(service, job_id), "it encodes")
        service.kill()
        service.until(lambda: not encoders_of(service), "encoders die with it", within=30)
        service.start()
        published_once(service, ear, service.finished(job_id))
        service.until(
            lambda: not [path for path in service.leftovers() if "/work/" in path], "it tidied"
        )


def test_a_clean_shutdown_takes_under_three_seconds_and_the_next_start_goes_on_at_once(
    tmp_path: Path, ear: ControlEar, large_clip: bytes
) -> None:
    service = Service(tmp_path, ear, **SLOW)
    with running(service):
        job_id = service.upload(large_clip).json["job_id"]
        service.until(encoding(service, job_id), "it encodes")
        assert service.stop() < 3.0
        assert encoders_of(service) == []
        assert list((tmp_path / "work").iterdir()) == []
        service.start()
        service.until(encoding(service, job_id), "it goes on", within=6)


def test_a_shutdown_in_the_middle_of_an_upload_and_of_events_is_quick_too(
    tmp_path: Path, ear: ControlEar, large_clip: bytes
) -> None:
    service = Service(tmp_path, ear, **SLOW)
    with running(service):
        job_id = service.upload(large_clip).json["job_id"]
        listener = connection(service, f"GET /v1/jobs/{job_id}/events HTTP/1.1")
        upload = connection(service, "PUT /v1/videos?title=x HTTP/1.1", "Content-Length: 9000")
        service.until(encoding(service, job_id), "it encodes")
        assert service.stop() < 3.0
        assert b"data: " in listener.recv(65536)
        listener.close()
        upload.close()


def test_an_upload_that_was_cut_off_by_kill_9_leaves_nothing(
    tmp_path: Path, ear: ControlEar
) -> None:
    service = Service(tmp_path, ear)
    with running(service):
        upload = connection(service, "PUT /v1/videos?title=x HTTP/1.1", "Content-Length: 9000000")
        upload.sendall(bytes(3_000_000))
        service.until(lambda: bool(service.leftovers()), "bytes arrived")
        service.kill()
        upload.close()
        service.start()
        assert service.leftovers() == []
        assert service.get("/v1/jobs").json == []


def test_a_version_is_announced_until_the_control_plane_takes_it(
    tmp_path: Path, ear: ControlEar, clip: bytes
) -> None:
    ear.status = 503
    service = Service(tmp_path, ear)
    with running(service):
        job_id = service.upload(clip).json["job_id"]
        service.until(lambda: service.job(job_id)["state"] == "publishing", "it publishes")
        time.sleep(1.5)
        assert service.job(job_id)["state"] == "publishing"
        ear.status = 201
        published_once(service, ear, service.finished(job_id))


def test_a_version_that_the_control_plane_refuses_fails_the_job_and_goes(
    tmp_path: Path, ear: ControlEar, clip: bytes
) -> None:
    ear.status = 422
    service = Service(tmp_path, ear)
    with running(service):
        job = service.finished(service.upload(clip).json["job_id"])
        assert job["state"] == "failed"
        assert job["error"] == "The control plane refuses the version: The test refuses it."
        assert service.objects() == []


def test_sources_are_kept_when_the_setting_says_so(
    tmp_path: Path, ear: ControlEar, clip: bytes
) -> None:
    service = Service(tmp_path, ear, keep_sources=True)
    with running(service):
        job_id = service.upload(clip).json["job_id"]
        service.finished(job_id)
        kept = tmp_path / "objects" / "uploads" / job_id / "source"
        assert kept.read_bytes() == clip


@pytest.fixture
def shared(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Settings of processes that meet in MongoDB and Redis."""
    mongodb = request.getfixturevalue("mongodb_server").url
    redis = request.getfixturevalue("redis_server").url
    return {
        "database": {"mongodb": mongodb, "name": f"ingest_{uuid.uuid4().hex}"},
        "broker": {"redis": redis},
    }


def test_two_workers_share_a_job_over_mongodb_and_redis_and_one_is_killed(
    tmp_path: Path, ear: ControlEar, large_clip: bytes, shared: dict[str, Any]
) -> None:
    ingest = Service(tmp_path, ear, **shared)
    workers = [
        Service(tmp_path, ear, role="worker", name=f"worker{n}", concurrency=1, **shared, **SLOW)
        for n in range(2)
    ]
    with ExitStack() as stack:
        for service in (ingest, *workers):
            stack.enter_context(running(service))
        job_id = ingest.upload(large_clip).json["job_id"]
        ingest.until(
            lambda: all(busy(worker) for worker in workers), "both workers encode", within=30
        )
        workers[0].kill()
        published_once(ingest, ear, ingest.finished(job_id))
        assert workers[1].stop() < 3.0


def test_a_job_goes_its_way_over_mongodb_redis_and_s3(
    tmp_path: Path,
    ear: ControlEar,
    clip: bytes,
    shared: dict[str, Any],
    s3_server: S3Server,
) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=s3_server.endpoint,
        aws_access_key_id=s3_server.access_key,
        aws_secret_access_key=s3_server.secret_key,
        region_name=s3_server.region,
        config=Config(
            s3={"addressing_style": "path"}, request_checksum_calculation="when_required"
        ),
    )
    client.create_bucket(Bucket="ingest")
    shared["store"] = {
        "s3": {
            "endpoint": s3_server.endpoint,
            "bucket": "ingest",
            "access_key": s3_server.access_key,
            "secret_key": s3_server.secret_key,
        }
    }
    ingest = Service(tmp_path, ear, **shared)
    worker = Service(tmp_path, ear, role="worker", name="worker", **shared)
    with running(ingest), running(worker):
        job = ingest.finished(ingest.upload(clip).json["job_id"])
        assert (job["state"], job["error"]) == ("done", None)
        (announced,) = ear.heard
        body = client.get_object(Bucket="ingest", Key=announced["manifest_key"])["Body"].read()
        listed = [one["key"] for one in json.loads(body)["objects"]]
        found = client.list_objects_v2(Bucket="ingest")["Contents"]
        keys = sorted(one["Key"] for one in found)
        assert keys == sorted([*listed, announced["manifest_key"]])
        bad = ingest.finished(ingest.upload(b"no video").json["job_id"])
        assert bad["error"] == "The file is not a video in any format known here."
        again = client.list_objects_v2(Bucket="ingest")["Contents"]
        assert sorted(one["Key"] for one in again) == keys


def busy(worker: Service) -> bool:
    """Whether an encoder that this process started runs."""
    assert worker.process is not None
    children = Path(f"/proc/{worker.process.pid}/task/{worker.process.pid}/children")
    return bool(children.read_text().split())


def test_a_worker_without_a_broker_is_refused_in_one_sentence(
    tmp_path: Path, ear: ControlEar
) -> None:
    service = Service(tmp_path, ear, role="worker", name="worker")
    ended = subprocess.run(
        service.arguments, check=False, capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == 1
    assert "worker.toml: broker: required, and missing." in ended.stderr
    assert "Traceback" not in ended.stderr
