"""What resumable uploads make of kill -9, of two services on one database, and of what is away."""

import concurrent.futures
import contextlib
import json
import os
import signal
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.jobs.identifiers import make_identifier
from tests.integration.ingest_service import TOKEN, Answer, ControlEar, Service, running
from tests.integration.test_ingest_upload import on_a_small_disk
from tests.integration.tus_client import UPLOADS, Tus, metadata
from tests.servers.databases import Server
from tests.servers.relay import relay
from tests.servers.s3 import S3Server, client_of, new_bucket

CONTENT = bytes(range(256)) * 8000
HALF = len(CONTENT) // 2


@pytest.fixture
def service(tmp_path: Path, ear: ControlEar) -> Iterator[Service]:
    # Nothing looks into the files, which are no videos and would be deleted as such.
    service = Service(tmp_path / "service", ear, takes={"kinds": ["audio"]})
    with running(service):
        yield service


@pytest.fixture
def working(tmp_path: Path, ear: ControlEar) -> Iterator[Service]:
    """One that works on jobs."""
    service = Service(tmp_path / "service", ear, keep_sources=True)
    with running(service):
        yield service


def content_of(service: Service, path: str) -> bytes:
    keys = Tus(service).pieces(path)
    return b"".join((service.folder / "objects" / key).read_bytes() for key in keys)


def change_records(service: Service, change: str, *values: object) -> None:
    """Changes the service's records of uploads, as a crash or the time would have left them."""
    with contextlib.closing(
        sqlite3.connect(service.folder / "jobs-uploads.sqlite", isolation_level=None)
    ) as database:
        database.execute(change, values)


def test_kill_9_in_the_middle_of_a_request_keeps_what_was_told(service: Service) -> None:
    tus = Tus(service)
    path = tus.begin(len(CONTENT))
    assert tus.patch(path, 0, CONTENT[:HALF]).status == 204
    before = tus.received()
    with tus.hanging(path, HALF, CONTENT[HALF:-1], HALF):
        service.until(lambda: tus.received() == before + HALF - 1, "the service reads")
        service.kill()
    service.start()
    offset = tus.offset(path)
    assert offset >= HALF
    done = tus.patch(path, offset, CONTENT[offset:])
    assert (done.status, done.headers["Upload-Offset"]) == (204, str(len(CONTENT)))
    assert content_of(service, path) == CONTENT


def test_bytes_of_a_slow_connection_are_safe_although_it_goes_on(service: Service) -> None:
    tus = Tus(service)
    path = tus.begin(len(CONTENT))
    with tus.hanging(path, 0, CONTENT[:HALF], len(CONTENT)) as connection:
        began = time.monotonic()
        service.until(lambda: tus.received() == HALF, "the service reads")
        # A piece ends with the first bytes that come after its time.
        time.sleep(max(0.0, began + 5.5 - time.monotonic()))
        connection.sendall(CONTENT[HALF : HALF + 1000])
        service.until(lambda: bool(tus.pieces(path)), "the piece is safe")
        service.until(lambda: record_of(service, path)["offset"] >= HALF, "the record says so")
        service.kill()
    service.start()
    assert tus.offset(path) >= HALF


def record_of(service: Service, path: str) -> Any:
    with contextlib.closing(sqlite3.connect(service.folder / "jobs-uploads.sqlite")) as database:
        name = path.rpartition("/")[2]
        ((body,),) = database.execute("SELECT body FROM uploads WHERE upload_id = ?", (name,))
        return json.loads(body)


@pytest.mark.parametrize("asks", [True, False])
def test_a_crash_before_the_job_is_made_good_by_the_next_request_or_the_sweep(
    working: Service, asks: bool
) -> None:
    service = working
    tus = Tus(service)
    path = tus.begin(len(CONTENT))
    job_id = tus.patch(path, 0, CONTENT).headers["Nearcast-Job"]
    service.until(lambda: record_of(service, path)["state"] == "done", "the record is settled")
    service.finished(job_id)
    service.kill()
    # As a crash would have left it between the record and the job.
    with contextlib.closing(
        sqlite3.connect(service.folder / "jobs.sqlite", isolation_level=None)
    ) as database:
        for table in ("jobs", "tasks"):
            database.execute(f"DELETE FROM {table}")
    change_records(
        service,
        "UPDATE uploads SET due_at = ?, body = json_set(body, '$.state', 'received')",
        time.time() + (1000 if asks else -1),
    )
    service.start()
    if asks:
        assert service.get(f"/v1/jobs/{job_id}").status == 404
        assert tus.ask("HEAD", path).headers["Nearcast-Job"] == job_id
    service.until(lambda: service.get(f"/v1/jobs/{job_id}").status == 200, "the job is there")
    # It would fail at last, as its source went with the first one.
    service.until(lambda: service.job(job_id)["state"] == "inspecting", "it is worked on")


def test_an_upload_that_expired_is_gone_and_then_deleted(service: Service) -> None:
    tus = Tus(service)
    paths = [tus.begin(10), tus.begin(10, Upload_Concat="partial", Upload_Metadata="")]
    for path in paths:
        tus.patch(path, 0, b"12345")
    change_records(service, "UPDATE uploads SET body = json_set(body, '$.expires_at', 1.0)")
    for path in paths:
        assert tus.ask("HEAD", path).status == 410
        assert tus.patch(path, 5, b"67890").status == 410
    change_records(service, "UPDATE uploads SET due_at = 1.0")
    service.stop()
    service.start()
    for path in paths:
        service.until(lambda path=path: tus.ask("HEAD", path).status == 404, "it is forgotten")  # type: ignore[misc]  # bound now
        assert tus.pieces(path) == []


def test_files_that_nobody_names_are_removed_when_they_are_old(
    service: Service, tmp_path: Path
) -> None:
    tus = Tus(service)
    kept = tus.begin(10)
    tus.patch(kept, 0, b"12345")
    old, young = (make_identifier(time.time() - age, bytes(10)) for age in (90_000, 60))
    for name in (old, young):
        place = tmp_path / "service" / "objects" / "uploads" / name
        place.mkdir(parents=True)
        (place / "source").write_bytes(b"x")
    service.stop()
    service.start()
    service.until(lambda: not tus.pieces(f"{UPLOADS}/{old}"), "it is removed")
    assert tus.pieces(f"{UPLOADS}/{young}")
    assert tus.offset(kept) == 5


def test_a_shutdown_makes_safe_what_came(service: Service) -> None:
    tus = Tus(service)
    path = tus.begin(len(CONTENT))
    with tus.hanging(path, 0, CONTENT[:HALF], len(CONTENT)) as connection:
        service.until(lambda: tus.received() == HALF, "the service reads")
        assert service.stop() < 3.0
        assert connection.recv(65536).startswith(b"HTTP/1.1 503 ")
    service.start()
    assert tus.offset(path) == HALF


def test_a_full_disk_is_told_and_what_was_safe_stays(tmp_path: Path, ear: ControlEar) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    service = Service(folder, ear, command=on_a_small_disk(folder / "objects"))
    with running(service):
        tus = Tus(service)
        path = tus.begin(4_000_000)
        assert tus.patch(path, 0, bytes(400_000)).status == 204
        answer = tus.patch(path, 400_000, bytes(3_600_000))
        assert answer.status == 507
        assert answer.detail.startswith("No space is left in ")
        assert tus.offset(path) == 400_000
        assert tus.ask("DELETE", path).status == 204
        assert tus.create(10, bytes(10)).status == 201


@pytest.fixture
def shared(mongodb_server: Any, redis_server: Any) -> dict[str, Any]:
    """Settings of services that meet in MongoDB and Redis, without workers."""
    return {
        "database": {"mongodb": mongodb_server.url, "name": f"tus_{uuid.uuid4().hex}"},
        "broker": {"redis": redis_server.url},
    }


def at_once(*calls: Callable[[], Answer]) -> list[int]:
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [one.result().status for one in [pool.submit(call) for call in calls]]


@pytest.mark.parametrize("on_one_machine", [True, False])
def test_of_two_services_that_take_the_same_bytes_one_counts(
    tmp_path: Path, ear: ControlEar, shared: dict[str, Any], on_one_machine: bool
) -> None:
    settings = {"broker": shared["broker"]} if on_one_machine else shared
    services = [Service(tmp_path, ear, name=name, **settings) for name in ("one", "two")]
    with running(services[0]), running(services[1]):
        first, second = map(Tus, services)
        for number in range(10):
            mine, other = bytes([number]) * 300_000, bytes([100 + number]) * 300_000
            path = first.begin(600_000)
            ways = at_once(
                lambda: first.patch(path, 0, mine),  # noqa: B023 - called at once
                lambda: second.patch(path, 0, other),  # noqa: B023 - called at once
            )
            assert sorted(ways) == [204, 409]
            assert first.offset(path) == second.offset(path) == 300_000
            winner = mine if ways[0] == 204 else other
            last = at_once(
                lambda: first.patch(path, 300_000, mine),  # noqa: B023 - called at once
                lambda: second.patch(path, 300_000, mine),  # noqa: B023 - called at once
            )
            assert sorted(last) == [204, 409]
            assert content_of(services[0], path) == winner + mine
        assert len(services[0].get("/v1/jobs").json) == 10


def test_of_two_services_that_join_the_same_parts_one_does(
    tmp_path: Path, ear: ControlEar, shared: dict[str, Any]
) -> None:
    services = [Service(tmp_path, ear, name=name, **shared) for name in ("one", "two")]
    with running(services[0]), running(services[1]):
        first, second = map(Tus, services)
        parts = []
        for _ in range(3):
            parts.append(first.begin(3, Upload_Concat="partial", Upload_Metadata=""))
            first.patch(parts[-1], 0, b"abc")
        ways = at_once(lambda: first.join(*parts), lambda: second.join(*parts[::-1]))
        assert set(ways) <= {201, 409}
        jobs = services[0].get("/v1/jobs").json
        assert len(jobs) == ways.count(201) <= 1
        if not jobs:
            # Each took a part from the other; whoever comes again has them.
            assert first.join(*parts).status == 201


def test_while_the_database_is_away_nothing_is_lost(
    tmp_path: Path, ear: ControlEar, shared: dict[str, Any], mongodb_server: Server
) -> None:
    with running(Service(tmp_path, ear, **shared)) as service:
        tus = Tus(service)
        path = tus.begin(len(CONTENT))
        assert tus.patch(path, 0, CONTENT[:HALF]).status == 204
        os.kill(mongodb_server.pid, signal.SIGSTOP)
        try:
            for answer in (tus.patch(path, HALF, CONTENT[HALF:]), tus.create(10)):
                assert answer.status == 503
                assert answer.headers["Retry-After"]
        finally:
            os.kill(mongodb_server.pid, signal.SIGCONT)
        service.until(lambda: tus.ask("HEAD", path).status == 200, "the database is back")
        offset = tus.offset(path)
        assert offset >= HALF
        assert tus.patch(path, offset, CONTENT[offset:]).status == 204
        assert content_of(service, path) == CONTENT


def test_on_s3_an_upload_goes_on_over_kill_9(
    tmp_path: Path, ear: ControlEar, shared: dict[str, Any], s3_server: S3Server
) -> None:
    bucket = f"tus-{uuid.uuid4().hex}"
    shared["store"] = {"s3": new_bucket(s3_server, bucket)}
    content = CONTENT * 6
    service = Service(tmp_path, ear, **shared)
    with running(service):
        tus = Tus(service)
        path = tus.begin(len(content))
        assert tus.patch(path, 0, content[:HALF]).status == 204
        before = tus.received()
        with tus.hanging(path, HALF, content[HALF:-1], len(content) - HALF):
            service.until(lambda: tus.received() > before + HALF, "the service reads")
            service.kill()
        service.start()
        offset = tus.offset(path)
        assert offset >= HALF
        assert tus.patch(path, offset, content[offset:]).status == 204
        job_id = path.rpartition("/")[2]
        assert service.get(f"/v1/jobs/{job_id}").status == 200
        s3 = client_of(s3_server)
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"uploads/{job_id}/")["Contents"]
        stored = [s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read() for one in listed]
        assert b"".join(stored) == content


def test_while_s3_is_away_what_was_safe_stays(
    tmp_path: Path, ear: ControlEar, shared: dict[str, Any], s3_server: S3Server
) -> None:
    store = new_bucket(s3_server, f"tus-{uuid.uuid4().hex}")
    content = CONTENT * 6
    with relay(s3_server.endpoint) as way:
        shared["store"] = {"s3": store | {"endpoint": f"http://127.0.0.1:{way.port}"}}
        with running(Service(tmp_path, ear, **shared)) as service:
            tus = Tus(service)
            path = tus.begin(len(content))
            assert tus.patch(path, 0, content[:HALF]).status == 204
            before = tus.received()
            with tus.hanging(path, HALF, content[HALF:-1], len(content) - HALF) as connection:
                service.until(lambda: tus.received() > before + HALF, "the service reads")
                way.close_way()
                connection.sendall(content[-1:])
                assert connection.recv(65536).startswith(b"HTTP/1.1 503 ")
            assert tus.offset(path) == HALF
            way.open_way()
            assert tus.patch(path, HALF, content[HALF:]).status == 204
            assert service.get(f"/v1/jobs/{path.rpartition('/')[2]}").status == 200


QUOTA = {
    "quota": {"uploads_per_day": 3, "bytes_per_day": 1000},
    "quotas": [{"name": "studio", "requests_per_second": 0.5, "burst": 5, "at_once": 1}],
}
STUDIO = "studio-token-for-tests"


def test_quotas_are_kept_and_told_in_one_sentence(tmp_path: Path, ear: ControlEar) -> None:
    credentials = [
        {"name": "test", "token": TOKEN, "roles": ["publisher"]},
        {"name": "studio", "token": STUDIO, "roles": ["publisher"]},
    ]
    service = Service(tmp_path, ear, upload=QUOTA, credentials=credentials)
    with running(service):
        tus = Tus(service)
        too_large = tus.create(1001)
        assert too_large.status == 429
        assert too_large.detail == (
            "The credential 'test' has reached its limit of 1000 bytes a day."
        )
        assert 0 < int(too_large.headers["Retry-After"]) <= 86_400
        path = tus.begin(900)
        assert service.upload(bytes(200)).status == 429
        # What did not come of an upload that is given up is given back.
        assert tus.ask("DELETE", path).status == 204
        assert service.upload(bytes(200)).status == 201
        assert tus.create(10).status == 201
        third = tus.create(10, Upload_Metadata=metadata(title="x"))
        assert third.detail == "The credential 'test' has reached its limit of 3 uploads a day."
        studio = Tus(service, STUDIO)
        place, before = studio.begin(100), tus.received()
        with studio.hanging(place, 0, b"x", 100):
            service.until(lambda: tus.received() == before + 1, "it is running")
            created = studio.create(10, bytes(10))
            assert (created.status, created.headers["Upload-Offset"]) == (201, "0")
        answers = [studio.ask("HEAD", place).status for _ in range(6)]
        assert answers[-1] == 429
