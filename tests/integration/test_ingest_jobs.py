"""Jobs as those who send videos and those who run the system meet them: over real sockets."""

import base64
import contextlib
import hashlib
import hmac
import json
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

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
OTHER = "another-publishers-token"
SECRET = "whsec_" + base64.b64encode(b"a key that only the test knows").decode()
CREDENTIALS = [
    {"name": "test", "token": TOKEN, "roles": ["publisher"]},
    {"name": "other", "token": OTHER, "roles": ["publisher"]},
    {"name": "operator", "token": OPERATOR, "roles": ["operator"]},
]
SLOW: dict[str, Any] = {"encoding": {"preset": "slow", "threads": 1}}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=4).read_bytes()


class Hook:
    """A webhook that refuses the first ``refusals`` messages, and checks every signature."""

    def __init__(self, refusals: int = 0) -> None:
        hook = self
        self.taken: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.refused = 0
        self.credentials: set[str | None] = set()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.credentials.add(self.headers["Authorization"])
                told = ".".join((self.headers["webhook-id"], self.headers["webhook-timestamp"], ""))
                key = base64.b64decode(SECRET.removeprefix("whsec_"))
                digest = hmac.digest(key, told.encode() + body, hashlib.sha256)
                right = "v1," + base64.b64encode(digest).decode()
                hook.ids.append(self.headers["webhook-id"])
                if hook.refused < refusals:
                    hook.refused += 1
                    self.send_response(503)
                elif self.headers["webhook-signature"] != right:
                    self.send_response(401)
                else:
                    hook.taken.append(json.loads(body))
                    self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextlib.contextmanager
def hook(refusals: int = 0) -> Iterator[Hook]:
    made = Hook(refusals)
    try:
        yield made
    finally:
        made.close()


def cancel(service: Service, job_id: str, token: str = TOKEN) -> Answer:
    return service.ask("POST", f"/v1/jobs/{job_id}/cancel", b"", token)


def test_the_same_file_is_encoded_once_and_published_twice(
    tmp_path: Path, ear: ControlEar, clip: bytes
) -> None:
    service = Service(tmp_path, ear, credentials=CREDENTIALS)

    def job(job_id: str) -> Any:
        return service.ask("GET", f"/v1/jobs/{job_id}", token=OPERATOR).json

    with running(service):
        sent = (("One", TOKEN), ("Two", OTHER))
        ids = [service.upload(clip, title=title, token=of).json["job_id"] for title, of in sent]
        service.until(lambda: all(job(each)["state"] == "done" for each in ids), "both are done")
        one, two = (
            next(each for each in ear.heard if each["asset_id"] == job(job_id)["asset_id"])
            for job_id in ids
        )
        assert [(each["title"], each["creator"]) for each in (one, two)] == [
            ("One", "test"),
            ("Two", "other"),
        ]
        first, second = objects_of(service, one), objects_of(service, two)
        assert first.keys() == second.keys()
        own = {name for name, digest in first.items() if second[name] != digest}
        assert own == {f"{profile}.m3u8" for profile in one["profiles"]}, "which tell the title"
        kinds = [name for name in task_names(service) if name.startswith("c0")]
        assert len(kinds) == 2, "two chunks of one video were encoded"


def task_names(service: Service) -> list[str]:
    with contextlib.closing(sqlite3.connect(service.folder / "jobs.sqlite")) as database:
        rows = database.execute("SELECT body FROM tasks").fetchall()
    return [json.loads(body)["name"] for (body,) in rows]


def objects_of(service: Service, announced: dict[str, Any]) -> dict[str, str]:
    """Names below the version to digests, of what lies there."""
    root = service.folder / "objects"
    manifest = json.loads((root / announced["manifest_key"]).read_bytes())
    prefix = announced["manifest_key"].removesuffix("manifest.json")
    assert announced["bytes"] == sum(one["size"] for one in manifest["objects"])
    found = {}
    for one in manifest["objects"]:
        content = (root / one["key"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == one["sha256"]
        found[one["key"].removeprefix(prefix)] = one["sha256"]
    return found


def test_when_the_first_of_two_is_cancelled_the_second_is_encoded_itself(
    tmp_path: Path, ear: ControlEar, large_clip: bytes
) -> None:
    service = Service(tmp_path, ear, concurrency=8, **SLOW)
    with running(service):
        first = service.upload(large_clip).json["job_id"]
        service.until(lambda: service.job(first)["state"] == "encoding", "it encodes")
        second = service.upload(large_clip).json["job_id"]
        service.until(lambda: service.job(second)["state"] == "encoding", "it waits")
        assert cancel(service, first).status == 200
        assert service.finished(first)["state"] == "cancelled"
        job = service.finished(second)
        assert (job["state"], job["error"]) == ("done", None)
        assert [one["asset_id"] for one in ear.heard] == [job["asset_id"]]


def test_cancelling_in_the_middle_of_an_encode_leaves_nothing(
    tmp_path: Path, ear: ControlEar, large_clip: bytes
) -> None:
    service = Service(tmp_path, ear, **SLOW)
    with running(service):
        job_id = service.upload(large_clip).json["job_id"]
        service.until(lambda: service.job(job_id)["percent"] > 5, "it encodes")
        assert cancel(service, job_id).json["state"] == "encoding"
        job = service.finished(job_id)
        assert (job["state"], job["error"]) == ("cancelled", None)
        service.until(lambda: service.leftovers() == [], "nothing is left", within=30)
        assert ear.heard == []
        assert cancel(service, job_id).status == 200, "twice is once"


def test_a_source_at_which_the_encoder_stalls_is_tried_twice(
    tmp_path: Path, ear: ControlEar, clip: bytes
) -> None:
    # Nothing is encoded in so little time.
    service = Service(tmp_path, ear, encoding={"stall_seconds": 0.001})
    with running(service):
        job = service.finished(service.upload(clip).json["job_id"])
        assert (job["state"], job["error"]) == (
            "failed",
            "The encoder made no progress for 0.001 seconds, and none when it was tried again.",
        )
        with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as database:
            rows = database.execute("SELECT body FROM tasks").fetchall()
        failed = [one for (body,) in rows if (one := json.loads(body))["state"] == "failed"]
        assert failed
        assert all(one["attempt"] == 2 for one in failed)
        assert service.leftovers() == []


def test_what_is_done_cannot_be_cancelled(tmp_path: Path, ear: ControlEar, clip: bytes) -> None:
    service = Service(tmp_path, ear)
    with running(service):
        job_id = service.upload(clip).json["job_id"]
        service.finished(job_id)
        answer = cancel(service, job_id)
        assert (answer.status, answer.detail) == (409, "The job has ended already: it is done.")


def test_what_the_control_plane_is_being_told_of_cannot_be_cancelled(
    tmp_path: Path, ear: ControlEar, clip: bytes
) -> None:
    service = Service(tmp_path, ear)
    with running(service):
        ear.status = 503
        job_id = service.upload(clip).json["job_id"]
        service.until(lambda: service.job(job_id)["state"] == "publishing", "it publishes")
        assert cancel(service, job_id).status == 409
        ear.status = 201
        assert service.finished(job_id)["state"] == "done"


def test_a_publisher_sees_and_cancels_its_own_jobs_only(
    tmp_path: Path, ear: ControlEar, clip: bytes
) -> None:
    service = Service(tmp_path, ear, credentials=CREDENTIALS)
    with running(service):
        job_id = service.upload(clip).json["job_id"]
        assert service.ask("GET", "/v1/jobs", token=OTHER).json == []
        assert service.ask("GET", f"/v1/jobs/{job_id}", token=OTHER).status == 404
        assert service.ask("GET", f"/v1/jobs/{job_id}/events", token=OTHER).status == 404
        assert cancel(service, job_id, OTHER).status == 404
        assert service.ask("GET", f"/v1/jobs/{job_id}", token=OPERATOR).json["owner"] == "test"
        assert [job["job_id"] for job in service.get("/v1/jobs").json] == [job_id]
        service.finished(job_id)


def test_only_an_operator_decides_and_only_where_there_is_doubt(
    tmp_path: Path, ear: ControlEar, clip: bytes
) -> None:
    service = Service(tmp_path, ear, credentials=CREDENTIALS)
    with running(service):
        job_id = service.upload(clip).json["job_id"]
        path = f"/v1/jobs/{job_id}/review"
        assert service.ask("POST", path, b'{"approve": true}').status == 403
        assert service.ask("POST", path, b'{"approve": 3}', OPERATOR).status == 422
        assert service.ask("POST", path, b"[" * 100_000, OPERATOR).status == 400
        assert service.ask("POST", path, b'{"approve": true}', OPERATOR).status == 409
        service.finished(job_id)


@pytest.mark.parametrize(
    ("approve", "state", "error"),
    [
        (True, "done", None),
        (False, "failed", "An operator refused to publish the video: Nothing to see."),
    ],
)
def test_a_doubtful_video_is_encoded_and_held_until_an_operator_decides(
    tmp_path: Path, ear: ControlEar, *, approve: bool, state: str, error: str | None
) -> None:
    content = make_black_clip(tmp_path / "black.mp4").read_bytes()
    with hook() as heard:
        service = Service(
            tmp_path / "ingest",
            ear,
            credentials=CREDENTIALS,
            filters=[{"name": "passages", "kind": "passages"}],
            webhooks=[{"name": "studio", "url": heard.url, "secret": SECRET}],
        )
        with running(service):
            job_id = service.upload(content).json["job_id"]
            service.until(lambda: service.job(job_id)["state"] == "review", "it is held")
            service.until(lambda: len(heard.taken) == 1, "the webhook is told of it")
            held = service.job(job_id)
            assert ear.heard == []
            assert service.get("/v1/jobs?state=review").json == [held]
            assert service.ask("GET", "/v1/jobs?state=review", token=OTHER).json == []
            assert service.get("/v1/jobs?state=done").json == []
            unknown = service.get("/v1/jobs?state=hold")
            assert (unknown.status, "known are queued, " in unknown.detail) == (400, True)
            assert {one["name"]: one["percent"] for one in held["stages"]} == {
                "inspect": 100.0,
                "filter": 100.0,
                "encode": 100.0,
                "package": 100.0,
                "publish": 0.0,
            }
            (verdict,) = held["verdicts"]
            assert (verdict["filter"], verdict["decision"]) == ("passages", "review")
            assert verdict["evidence"]
            body = json.dumps({"approve": approve, "note": "Nothing to see."}).encode()
            answer = service.ask("POST", f"/v1/jobs/{job_id}/review", body, OPERATOR)
            assert answer.status == 200
            job = service.finished(job_id)
            assert (job["state"], job["error"]) == (state, error)
            assert job["review"]["by"] == "operator"
            assert len(ear.heard) == approve
            service.until(lambda: len(heard.taken) == 2, "the webhook is told of the end")
            assert [one["event"] for one in heard.taken] == ["job.review", f"job.{state}"]
            if not approve:
                service.until(lambda: service.leftovers() == [], "nothing is left", within=30)


def test_an_upload_names_its_profile_and_the_limits_are_that_profiles(
    tmp_path: Path, ear: ControlEar, clip: bytes
) -> None:
    films = {"name": "films", "max_bytes": 10_000_000, "max_seconds": 60.0}
    service = Service(
        tmp_path, ear, limits={"max_bytes": 1000, "max_seconds": 2.0}, profiles=[films]
    )
    with running(service):
        assert service.upload(clip).status == 413
        answer = service.ask("PUT", "/v1/videos?title=a&profile=operas", clip)
        assert (answer.status, answer.json["known"]) == (422, "films, shorts")
        film = service.ask("PUT", "/v1/videos?title=a&profile=films", clip)
        assert film.status == 201
        assert service.finished(film.json["job_id"])["state"] == "done"


def test_a_blocked_file_fails_with_the_filters_words_and_leaves_nothing(
    tmp_path: Path, ear: ControlEar, clip: bytes
) -> None:
    listed = tmp_path / "blocked.txt"
    listed.write_text(f"{hashlib.sha256(clip).hexdigest()} case 7\n")
    service = Service(
        tmp_path / "ingest",
        ear,
        filters=[{"name": "known", "kind": "exact-hash", "options": {"list": str(listed)}}],
    )
    with running(service):
        job = service.finished(service.upload(clip).json["job_id"])
        assert job["state"] == "failed"
        assert job["error"].startswith("The content filter known blocks the video: ")
        assert "case 7" in job["error"]
        service.until(lambda: service.leftovers() == [], "nothing is left", within=30)
        assert ear.heard == []


def test_a_filter_that_is_not_known_is_refused_at_the_start(
    tmp_path: Path, ear: ControlEar
) -> None:
    service = Service(tmp_path, ear, filters=[{"name": "x", "kind": "crystal-ball"}])
    ended = subprocess.run(
        service.arguments, check=False, capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == 1
    assert "no filter is called 'crystal-ball'; known are exact-hash" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_webhook_is_told_signed_and_again_until_it_takes_it(
    tmp_path: Path, ear: ControlEar, clip: bytes
) -> None:
    with hook(refusals=2) as heard:
        service = Service(
            tmp_path, ear, webhooks=[{"name": "studio", "url": heard.url, "secret": SECRET}]
        )
        with running(service):
            job_id = service.upload(clip).json["job_id"]
            bad = service.upload(b"no video at all").json["job_id"]
            service.finished(job_id)
            service.finished(bad)
            service.until(lambda: len(heard.taken) == 2, "both are told", within=30)
    told = {one["job"]["job_id"]: one for one in heard.taken}
    assert told[job_id]["event"] == "job.done"
    assert told[job_id]["job"]["percent"] == 100.0
    assert told[bad]["event"] == "job.failed"
    assert told[bad]["job"]["error"] == "The file is not a video in any format known here."
    assert len(heard.ids) == 4
    assert len(set(heard.ids)) == 2, "a message keeps its id when it is repeated"
    assert heard.credentials == {None}, "it gets no credential of the system"


def test_a_webhook_that_is_not_there_holds_up_nothing_and_is_told_later(
    tmp_path: Path, ear: ControlEar, clip: bytes
) -> None:
    with hook() as gone:
        url = gone.url
    settings = {"name": "studio", "url": url, "secret": SECRET, "events": ["done"]}
    service = Service(tmp_path, ear, webhooks=[settings])
    with running(service):
        job = service.finished(service.upload(clip).json["job_id"])
        assert job["state"] == "done"
        service.kill()
        with hook() as heard:
            service = Service(tmp_path, ear, webhooks=[{**settings, "url": heard.url}])
            with running(service):
                service.until(lambda: len(heard.taken) == 1, "it is told", within=60)
