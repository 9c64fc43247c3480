"""Resumable uploads over real sockets, as the tus protocol 1.0 asks, section by section."""

import base64
import hashlib
import time
import zlib
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import pytest

from tests.integration.ingest_service import EDGE_TOKEN, TOKEN, ControlEar, Service, running
from tests.integration.tus_client import BYTES, UPLOADS, Tus, metadata

OTHER_TOKEN = "another-publisher-token"
LIMIT = 3_000_000
NO_VIDEO = bytes(range(256)) * 4000


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    ear = ControlEar()
    service = Service(
        tmp_path_factory.mktemp("ingest"),
        ear,
        limits={"max_bytes": LIMIT, "max_seconds": 30.0, "max_side": 2000},
        upload={"stall_seconds": 1.0},
        keep_sources=True,
        credentials=[
            {"name": "test", "token": TOKEN, "roles": ["publisher"]},
            {"name": "other", "token": OTHER_TOKEN, "roles": ["publisher"]},
            {"name": "eu-1", "token": EDGE_TOKEN, "roles": ["edge"]},
        ],
    )
    with running(service):
        yield service
    ear.close()


@pytest.fixture
def tus(service: Service) -> Tus:
    return Tus(service)


def test_an_upload_in_three_requests_becomes_a_job(tus: Tus, service: Service) -> None:
    path = tus.begin(len(NO_VIDEO))
    for start in range(0, len(NO_VIDEO), 400_000):
        part = NO_VIDEO[start : start + 400_000]
        answer = tus.patch(path, start, part)
        assert answer.status == 204
        assert answer.headers["Upload-Offset"] == str(start + len(part))
        assert tus.offset(path) == start + len(part)
    job_id = answer.headers["Nearcast-Job"]
    assert path == f"{UPLOADS}/{job_id}"
    job = service.finished(job_id)
    assert job["error"] == "The file is not a video in any format known here."


def test_the_content_is_the_file_that_was_sent(tus: Tus, service: Service) -> None:
    # Not whole yet: the job would find that it is no video and delete it.
    path = tus.begin(4000)
    for start in (0, 1000, 2000):
        tus.patch(path, start, NO_VIDEO[start : start + 1000])
    pieces = [(service.folder / "objects" / key).read_bytes() for key in tus.pieces(path)]
    assert b"".join(pieces) == NO_VIDEO[:3000]


def test_the_service_says_what_it_speaks_without_a_credential(service: Service) -> None:
    answer = service.ask("OPTIONS", UPLOADS, token=None)
    assert answer.status == 204
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert answer.headers["Tus-Max-Size"] == str(LIMIT)
    assert set(answer.headers["Tus-Extension"].split(",")) == {
        *("creation", "creation-with-upload", "expiration", "termination"),
        *("checksum", "concatenation"),
    }
    assert "sha1" in answer.headers["Tus-Checksum-Algorithm"].split(",")


@pytest.mark.parametrize("version", ["0.2.2", "2.0.0", ""])
def test_another_version_is_refused_and_the_right_one_named(tus: Tus, version: str) -> None:
    answer = tus.create(10, Tus_Resumable=version)
    assert answer.status == 412
    assert answer.headers["Tus-Version"] == "1.0.0"


def test_a_creation_tells_where_and_until_when(tus: Tus) -> None:
    answer = tus.create(10)
    assert answer.status == 201
    assert answer.headers["Location"].startswith(f"{UPLOADS}/0")
    left = parsedate_to_datetime(answer.headers["Upload-Expires"]).timestamp() - time.time()
    assert 86_000 < left < 86_500


def test_what_was_said_at_the_creation_is_told_again(tus: Tus) -> None:
    said = metadata(title="Grüße", filename="a.mp4", own="value") + ",empty"
    answer = tus.ask("HEAD", tus.begin(10, Upload_Metadata=said))
    assert answer.headers["Upload-Metadata"] == said
    assert answer.headers["Upload-Length"] == "10"
    assert answer.headers["Upload-Offset"] == "0"
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_metadata_name_the_job(tus: Tus, service: Service) -> None:
    path = tus.begin(3, Upload_Metadata=metadata(title="Grüße 🎬", filename="a.mp4"))
    job_id = tus.patch(path, 0, b"abc").headers["Nearcast-Job"]
    assert service.job(job_id)["title"] == "Grüße 🎬"


def test_a_creation_may_bring_the_first_bytes(tus: Tus) -> None:
    answer = tus.create(10, b"12345")
    assert (answer.status, answer.headers["Upload-Offset"]) == (201, "5")
    done = tus.patch(answer.headers["Location"], 5, b"67890")
    assert (done.status, done.headers["Upload-Offset"]) == (204, "10")


def test_a_creation_may_bring_all_bytes(tus: Tus, service: Service) -> None:
    answer = tus.create(5, b"12345")
    assert answer.status == 201
    assert service.get(f"/v1/jobs/{answer.headers['Nearcast-Job']}").status == 200


def test_a_creation_that_brings_more_than_it_said_makes_nothing(tus: Tus) -> None:
    assert tus.create(3, b"12345").status == 413


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"Upload_Length": "-1"}, 400),
        ({"Upload_Length": "1e3"}, 400),
        ({"Upload_Length": "٣"}, 400),
        ({"Upload_Length": "9" * 40}, 400),
        ({"Upload_Length": str(LIMIT + 1)}, 413),
        ({"Upload_Length": "0"}, 422),
        ({"Upload_Length": "", "Upload_Defer_Length": "1"}, 400),
        ({"Upload_Metadata": "filename"}, 422),
        ({"Upload_Metadata": metadata(title="x" * 300)}, 422),
        ({"Upload_Metadata": metadata(title="a\nb")}, 422),
        ({"Upload_Metadata": "title !!!!"}, 400),
        ({"Upload_Metadata": "title YQ==,title YQ=="}, 400),
        ({"Upload_Metadata": ",".join(f"k{n} YQ==" for n in range(100))}, 400),
        ({"Upload_Metadata": metadata(title="a") + ",k " + "QUFB" * 1500}, 400),
        ({"Upload_Metadata": "title /w=="}, 400),
    ],
)
def test_a_creation_out_of_bounds_is_refused(tus: Tus, fields: dict[str, str], status: int) -> None:
    given = {name: value.encode().decode("latin-1") for name, value in fields.items()}
    answer = tus.create(10, **given)
    assert answer.status == status
    assert answer.detail


def test_bytes_of_another_type_are_refused(tus: Tus) -> None:
    path = tus.begin(3)
    assert tus.patch(path, 0, b"abc", Content_Type="video/mp4").status == 415
    assert tus.create(3, b"abc", Content_Type="video/mp4").status == 415
    assert tus.offset(path) == 0


@pytest.mark.parametrize("offset", ["-1", "", "x", "1.0", "9" * 30])
def test_an_offset_that_is_no_number_is_refused(tus: Tus, offset: str) -> None:
    assert tus.patch(tus.begin(3), offset, b"abc").status == 400


@pytest.mark.parametrize("offset", [1, 3, 10**17])
def test_an_offset_elsewhere_is_a_conflict(tus: Tus, offset: int) -> None:
    path = tus.begin(3)
    answer = tus.patch(path, offset, b"abc")
    assert answer.status == 409
    assert answer.detail == f"The upload goes on at byte 0, not at {offset}."
    assert tus.offset(path) == 0


def test_more_bytes_than_were_promised_are_refused(tus: Tus) -> None:
    path = tus.begin(3)
    assert tus.patch(path, 0, b"abcd").status == 413
    chunked = tus.patch(path, 0, iter([b"ab", b"cd"]), Transfer_Encoding="chunked")
    assert chunked.status == 413
    assert tus.offset(path) < 3


def test_the_last_request_sent_again_is_a_conflict_and_the_job_is_told(tus: Tus) -> None:
    path = tus.begin(3)
    job_id = tus.patch(path, 0, b"abc").headers["Nearcast-Job"]
    assert tus.patch(path, 0, b"abc").status == 409
    again = tus.ask("HEAD", path)
    assert (again.headers["Upload-Offset"], again.headers["Nearcast-Job"]) == ("3", job_id)
    assert tus.patch(path, 3, b"").status == 204


@pytest.mark.parametrize("name", ["nobody", "a/b", "a%2Fb", "..%2F..%2Fjobs", "0" * 26, "%00"])
@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
def test_an_unknown_upload_is_not_there(tus: Tus, name: str, method: str) -> None:
    answer = tus.ask(method, f"{UPLOADS}/{name}", Upload_Offset="0", Content_Type=BYTES)
    assert answer.status == 404


def test_uploads_of_others_are_not_there(service: Service, tus: Tus) -> None:
    path = tus.begin(3)
    other = Tus(service, OTHER_TOKEN)
    assert other.ask("HEAD", path).status == 404
    assert other.patch(path, 0, b"abc").status == 404
    assert other.ask("DELETE", path).status == 404
    assert tus.patch(path, 0, b"abc").status == 204


@pytest.mark.parametrize(("token", "status"), [("wrong-token-of-tests", 401), (EDGE_TOKEN, 403)])
def test_without_a_publishers_credential_nothing_is_taken(
    service: Service, token: str, status: int
) -> None:
    assert Tus(service, token).create(3).status == status
    assert service.ask("POST", UPLOADS, token=None).status == 401


def test_a_terminated_upload_is_gone_with_its_bytes(tus: Tus) -> None:
    path = tus.begin(6)
    tus.patch(path, 0, b"abc")
    assert tus.ask("DELETE", path).status == 204
    assert tus.ask("HEAD", path).status == 404
    assert tus.pieces(path) == []


def test_a_whole_upload_cannot_be_terminated(tus: Tus) -> None:
    path = tus.begin(3)
    tus.patch(path, 0, b"abc")
    assert tus.ask("DELETE", path).status == 409


def test_any_method_may_be_named_in_a_field(tus: Tus) -> None:
    path = tus.begin(3)
    fields = {"Content_Type": BYTES, "Upload_Offset": "0", "X_HTTP_Method_Override": "PATCH"}
    assert tus.ask("POST", path, b"abc", **fields).status == 204
    other = tus.begin(3)
    assert tus.ask("POST", other, X_HTTP_Method_Override="DELETE").status == 204


@pytest.mark.parametrize(("method", "path"), [("GET", UPLOADS), ("PUT", UPLOADS), ("GET", "/x")])
def test_other_methods_are_not_known(tus: Tus, method: str, path: str) -> None:
    place = tus.begin(3) if path == "/x" else path
    assert tus.ask(method, place).status == 405


def checksum(algorithm: str, data: bytes) -> str:
    if algorithm == "crc32":
        digest = zlib.crc32(data).to_bytes(4)
    else:
        digest = hashlib.new(algorithm, data).digest()
    return f"{algorithm} {base64.b64encode(digest).decode()}"


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "crc32"])
def test_bytes_with_a_checksum_count_only_when_it_matches(tus: Tus, algorithm: str) -> None:
    path = tus.begin(6)
    wrong = tus.patch(path, 0, b"abc", Upload_Checksum=checksum(algorithm, b"abx"))
    assert wrong.status == 460
    assert tus.offset(path) == 0
    right = tus.patch(path, 0, b"abc", Upload_Checksum=checksum(algorithm, b"abc"))
    assert (right.status, right.headers["Upload-Offset"]) == (204, "3")


def test_of_bytes_with_a_checksum_that_are_cut_off_none_counts(tus: Tus, service: Service) -> None:
    path = tus.begin(600_000)
    before = service.objects()
    summed = f"Upload-Checksum: {checksum('sha1', b'')}"
    with tus.hanging(path, 0, bytes(300_000), 600_000, summed):
        pass
    assert tus.offset(path) == 0
    assert service.objects() == before


@pytest.mark.parametrize("field", ["crc64 AAAA", "sha1", "sha1 !!", "sha1 " + "A" * 5])
def test_a_checksum_that_is_none_is_refused(tus: Tus, field: str) -> None:
    assert tus.patch(tus.begin(3), 0, b"abc", Upload_Checksum=field).status in {400, 460}


def test_a_connection_that_is_lost_keeps_what_came(tus: Tus) -> None:
    path = tus.begin(1_000_000)
    with tus.hanging(path, 0, bytes(700_000), 1_000_000):
        pass
    tus.service.until(lambda: bool(tus.pieces(path)), "it noticed")
    assert tus.offset(path) == 700_000
    assert tus.patch(path, 700_000, bytes(300_000)).status == 204


def test_a_request_that_stalls_is_ended_and_keeps_what_came(tus: Tus) -> None:
    path = tus.begin(1_000_000)
    with tus.hanging(path, 0, bytes(1000), 1_000_000) as connection:
        answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 408 ")
    assert tus.offset(path) == 1000


def test_who_comes_back_ends_the_request_that_hangs(tus: Tus) -> None:
    path, before = tus.begin(1_000_000), tus.received()
    with tus.hanging(path, 0, bytes(500_000), 1_000_000) as connection:
        tus.service.until(lambda: tus.received() == before + 500_000, "bytes came")
        assert tus.offset(path) == 500_000
        assert tus.patch(path, 500_000, bytes(500_000)).status == 204
        assert connection.recv(65536).startswith(b"HTTP/1.1 409 ")


def test_partial_uploads_are_joined_in_their_order(tus: Tus, service: Service) -> None:
    parts = [tus.begin(1000, Upload_Concat="partial", Upload_Metadata="") for _ in range(3)]
    for number, part in enumerate(parts):
        answer = tus.patch(part, 0, bytes([number]) * 1000)
        assert (answer.status, answer.headers.get("Nearcast-Job")) == (204, None)
    assert tus.ask("HEAD", parts[0]).headers["Upload-Concat"] == "partial"
    order = (parts[2], f"http://127.0.0.1:{service.port}{parts[0]}", parts[1])
    answer = tus.join(*order)
    assert answer.status == 201
    final = answer.headers["Location"]
    told = tus.ask("HEAD", final)
    assert (told.headers["Upload-Offset"], told.headers["Upload-Length"]) == ("3000", "3000")
    assert told.headers["Upload-Concat"] == f"final;{parts[2]} {parts[0]} {parts[1]}"
    assert service.job(answer.headers["Nearcast-Job"])["title"] == "Joined"
    assert tus.patch(final, 3000, b"x").status == 403
    assert tus.ask("DELETE", parts[0]).status == 409


def partial(tus: Tus, body: bytes = b"abc") -> str:
    path = tus.begin(3, Upload_Concat="partial", Upload_Metadata="")
    if body:
        assert tus.patch(path, 0, body).status == 204
    return path


def test_joining_the_same_again_is_the_same_upload(tus: Tus) -> None:
    parts = [partial(tus), partial(tus)]
    first, second = tus.join(*parts), tus.join(*parts)
    assert (first.status, second.status) == (201, 201)
    assert first.headers["Location"] == second.headers["Location"]


def test_a_part_of_one_upload_cannot_be_part_of_another(tus: Tus) -> None:
    parts = [partial(tus), partial(tus)]
    assert tus.join(*parts).status == 201
    answer = tus.join(parts[0], partial(tus))
    assert answer.status == 409
    assert answer.detail.endswith("cannot be joined: it is part of another upload.")


def test_what_cannot_be_joined_is_refused(tus: Tus, service: Service) -> None:
    foreign = partial(Tus(service, OTHER_TOKEN))
    unfinished, whole, good = partial(tus, b""), tus.begin(3), partial(tus)
    assert tus.join(good, foreign).status == 409
    assert tus.join(good, unfinished).status == 409
    assert tus.join(good, whole).status == 409
    assert tus.join(good, UPLOADS + "/" + "0" * 26).status in {400, 409}
    assert tus.join(good, good).status == 400
    assert tus.join().status == 400
    assert tus.join(*[good] * 101).status == 400
    assert tus.join("https://elsewhere.example.org/files/1").status == 400
    assert tus.ask("POST", Upload_Concat="finally").status == 400
    assert tus.join(good).status == 201


def test_together_parts_may_not_be_larger_than_a_file(tus: Tus) -> None:
    parts = []
    for _ in range(2):
        parts.append(tus.begin(2_000_000, Upload_Concat="partial", Upload_Metadata=""))
        tus.patch(parts[-1], 0, bytes(2_000_000))
    assert tus.join(*parts).status == 413
    assert [tus.ask("DELETE", part).status for part in parts] == [204, 204]
