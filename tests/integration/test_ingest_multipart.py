"""Large files that clients send to a real S3 server themselves, with URLs that are signed."""

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ingest_service import TOKEN, Answer, ControlEar, Service, running
from tests.integration.tus_client import Tus
from tests.servers.s3 import S3Server, client_of, new_bucket

MULTIPART = "/v1/uploads/multipart"
MIB = 1024 * 1024
OTHER_TOKEN = "another-publisher-token"
SIZE = 20 * MIB


class Sender:
    """A client that sends files this way."""

    def __init__(self, service: Service, bucket: str, s3: Any) -> None:
        self.service = service
        self.bucket = bucket
        self.s3 = s3

    def post(self, path: str, message: Any, token: str = TOKEN) -> Answer:
        return self.service.ask("POST", MULTIPART + path, json.dumps(message).encode(), token)

    def begin(self, size: int = SIZE) -> Any:
        answer = self.post("", {"size": size, "title": "Large", "filename": "large.mp4"})
        assert answer.status == 201, answer.body
        return answer.json

    def send(self, part: Any, body: bytes | None = None) -> dict[str, Any]:
        content = bytes(part["size"]) if body is None else body
        request = urllib.request.Request(part["url"], data=content, method="PUT")
        # The standard library would send a type that nobody signed.
        request.add_header("Content-Type", "")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return {"number": part["number"], "etag": answer.headers["ETag"]}

    def complete(self, upload_id: str, parts: list[dict[str, Any]], token: str = TOKEN) -> Answer:
        return self.post(f"/{upload_id}/complete", {"parts": parts}, token)

    def keys(self) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return [one["Key"] for one in found]

    def under_way(self) -> list[str]:
        found = self.s3.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        return [one["Key"] for one in found]


@pytest.fixture(scope="module")
def ear() -> Iterator[ControlEar]:
    ear = ControlEar()
    yield ear
    ear.close()


@pytest.fixture(scope="module")
def settings(s3_server: S3Server, mongodb_server: Any, redis_server: Any) -> dict[str, Any]:
    return {
        "store": {"s3": new_bucket(s3_server, f"multipart-{uuid.uuid4().hex}")},
        "database": {"mongodb": mongodb_server.url, "name": f"multipart_{uuid.uuid4().hex}"},
        # Without workers, so that the sources stay to be looked at.
        "broker": {"redis": redis_server.url},
        "limits": {"max_bytes": 30 * MIB},
        "credentials": [
            {"name": "test", "token": TOKEN, "roles": ["publisher"]},
            {"name": "other", "token": OTHER_TOKEN, "roles": ["publisher"]},
        ],
    }


@pytest.fixture(scope="module")
def sender(
    tmp_path_factory: pytest.TempPathFactory,
    ear: ControlEar,
    settings: dict[str, Any],
    s3_server: S3Server,
) -> Iterator[Sender]:
    service = Service(tmp_path_factory.mktemp("ingest"), ear, **settings)
    with running(service):
        yield Sender(service, settings["store"]["s3"]["bucket"], client_of(s3_server))


def test_a_file_sent_in_parts_becomes_a_job(sender: Sender) -> None:
    begun = sender.begin()
    assert begun["part_size"] == 16 * MIB
    assert [part["size"] for part in begun["parts"]] == [16 * MIB, 4 * MIB]
    assert begun["expires_at"] > time.time() + 3600
    sent = [sender.send(part) for part in begun["parts"]]
    answer = sender.complete(begun["upload_id"], sent)
    assert answer.status == 201
    job = answer.json
    assert answer.headers["Location"] == f"/v1/jobs/{job['job_id']}"
    assert (job["job_id"], job["title"]) == (begun["upload_id"], "Large")
    key = f"uploads/{job['job_id']}/source"
    assert sender.s3.head_object(Bucket=sender.bucket, Key=key)["ContentLength"] == SIZE
    again = sender.complete(begun["upload_id"], sent)
    assert (again.status, again.json["job_id"]) == (201, job["job_id"])
    assert sender.complete(begun["upload_id"], []).status == 201


def test_a_completion_whose_answer_was_lost_is_made_good(sender: Sender) -> None:
    begun = sender.begin(MIB)
    sent = [sender.send(part) for part in begun["parts"]]
    (upload,) = [
        one
        for one in sender.s3.list_multipart_uploads(Bucket=sender.bucket)["Uploads"]
        if begun["upload_id"] in one["Key"]
    ]
    sender.s3.complete_multipart_upload(
        Bucket=sender.bucket,
        Key=upload["Key"],
        UploadId=upload["UploadId"],
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": sent[0]["etag"]}]},
    )
    assert sender.complete(begun["upload_id"], sent).status == 201


def test_a_part_that_is_missing_is_told_and_may_still_come(sender: Sender) -> None:
    begun = sender.begin()
    first = sender.send(begun["parts"][0])
    answer = sender.complete(begun["upload_id"], [first])
    assert answer.status == 409
    assert "part 2 has not come as it was told" in answer.detail
    second = sender.send(begun["parts"][1])
    assert sender.complete(begun["upload_id"], [first, second | {"etag": "x"}]).status == 409
    assert sender.complete(begun["upload_id"], [first, second]).status == 201


def test_a_url_takes_no_other_size(sender: Sender) -> None:
    begun = sender.begin(MIB)
    with pytest.raises(urllib.error.HTTPError, match="403") as refused:
        sender.send(begun["parts"][0], bytes(1000))
    refused.value.close()


def test_a_part_of_another_size_is_refused_and_all_is_deleted(sender: Sender) -> None:
    begun = sender.begin(MIB)
    (upload,) = [
        one
        for one in sender.s3.list_multipart_uploads(Bucket=sender.bucket)["Uploads"]
        if begun["upload_id"] in one["Key"]
    ]
    # Not every server heeds the size that is signed.
    sent = sender.s3.upload_part(
        Bucket=sender.bucket,
        Key=upload["Key"],
        UploadId=upload["UploadId"],
        PartNumber=1,
        Body=bytes(1000),
    )
    part = {"number": 1, "etag": sent["ETag"]}
    answer = sender.complete(begun["upload_id"], [part])
    assert answer.status == 422
    assert answer.detail.startswith(f"Part 1 has 1000 bytes, not {MIB} as was said")
    assert not [key for key in sender.under_way() if begun["upload_id"] in key]
    assert sender.complete(begun["upload_id"], [part]).status == 404


def test_an_upload_that_is_given_up_leaves_nothing(sender: Sender) -> None:
    begun = sender.begin(MIB)
    sender.send(begun["parts"][0])
    place = f"{MULTIPART}/{begun['upload_id']}"
    assert sender.service.ask("DELETE", place, token=OTHER_TOKEN).status == 404
    assert sender.service.ask("DELETE", place).status == 204
    assert sender.service.ask("DELETE", place).status == 404
    assert not [key for key in sender.under_way() + sender.keys() if begun["upload_id"] in key]


def test_others_cannot_complete_it_and_tus_does_not_know_it(sender: Sender) -> None:
    begun = sender.begin(MIB)
    sent = [sender.send(part) for part in begun["parts"]]
    assert sender.complete(begun["upload_id"], sent, OTHER_TOKEN).status == 404
    tus = Tus(sender.service)
    assert tus.ask("HEAD", f"/v1/uploads/{begun['upload_id']}").status == 404
    path = tus.begin(10)
    assert sender.complete(path.rpartition("/")[2], []).status == 404


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ({"size": 0, "title": "a"}, 422),
        ({"size": -1, "title": "a"}, 422),
        ({"size": 10**30, "title": "a"}, 422),
        ({"size": 31 * MIB, "title": "a"}, 413),
        ({"size": "1", "title": "a"}, 422),
        ({"size": 1}, 422),
        ({"size": 1, "title": "a\nb"}, 422),
        ({"title": "a" * 2_000_000}, 413),
        ([], 422),
    ],
)
def test_what_is_out_of_bounds_is_refused(sender: Sender, message: Any, status: int) -> None:
    answer = sender.post("", message)
    assert answer.status == status
    assert answer.detail


def test_parts_out_of_bounds_are_refused(sender: Sender) -> None:
    upload_id = sender.begin(MIB)["upload_id"]
    for parts in ([{"number": 0, "etag": ""}], [{"number": 1, "etag": "x" * 200}], "x", [1]):
        assert sender.complete(upload_id, parts).status == 422  # type: ignore[arg-type]  # hostile
    many = [{"number": 1, "etag": ""}] * 10_001
    assert sender.complete(upload_id, many).status == 422


def test_an_upload_that_nobody_completes_is_aborted_by_the_sweep(
    sender: Sender, tmp_path: Path, ear: ControlEar, settings: dict[str, Any]
) -> None:
    begun = sender.begin(MIB)
    sender.send(begun["parts"][0])
    database = settings["database"]
    import pymongo

    with pymongo.MongoClient[dict[str, Any]](database["mongodb"]) as client:
        records = client[database["name"]]["uploads"]
        past = {"due_at": time.time() - 1, "expires_at": time.time() - 1}
        records.update_one({"_id": begun["upload_id"]}, {"$set": past})
    assert sender.complete(begun["upload_id"], []).status == 410
    second = Service(tmp_path, ear, **settings)
    with running(second):
        second.until(
            lambda: not [key for key in sender.under_way() if begun["upload_id"] in key],
            "it is aborted",
        )
        second.until(
            lambda: sender.complete(begun["upload_id"], []).status == 404, "its record is gone"
        )


def test_a_store_that_is_a_folder_says_what_to_do_instead(tmp_path: Path, ear: ControlEar) -> None:
    with running(Service(tmp_path, ear)) as service:
        answer = service.ask("POST", MULTIPART, b'{"size": 1, "title": "a"}')
        assert answer.status == 501
        assert answer.detail == (
            "Files cannot be sent to this system's store directly: use tus at /v1/uploads."
        )
