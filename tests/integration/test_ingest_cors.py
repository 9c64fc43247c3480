"""What ingest lets pages of other origins do (Fetch standard, "CORS protocol")."""

from collections.abc import Iterator

import pytest

from tests.integration.ingest_service import TOKEN, ControlEar, Service, running
from tests.integration.tus_client import UPLOADS, Tus

ORIGIN = "https://studio.example.org"


@pytest.fixture(scope="module")
def ear() -> Iterator[ControlEar]:
    ear = ControlEar()
    yield ear
    ear.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, ear: ControlEar) -> Iterator[Service]:
    with running(Service(tmp_path_factory.mktemp("ingest"), ear)) as service:
        yield service


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory, ear: ControlEar) -> Iterator[Service]:
    """A service for pages of one origin only."""
    folder = tmp_path_factory.mktemp("closed")
    with running(Service(folder, ear, allowed_origins=[ORIGIN])) as service:
        yield service


def listed(field: str) -> set[str]:
    return {name.strip().lower() for name in field.split(",")}


@pytest.mark.parametrize("path", [UPLOADS, f"{UPLOADS}/x", "/v1/jobs", "/v1/videos", "/v1/none"])
def test_a_preflight_needs_no_credential(service: Service, path: str) -> None:
    answer = service.ask(
        "OPTIONS", path, token=None, Origin=ORIGIN, Access_Control_Request_Method="PATCH"
    )
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert {"patch", "head", "delete", "put"} <= listed(
        answer.headers["Access-Control-Allow-Methods"]
    )
    allowed = listed(answer.headers["Access-Control-Allow-Headers"])
    assert {
        *("authorization", "content-type", "tus-resumable", "upload-length", "upload-offset"),
        *("upload-metadata", "upload-checksum", "upload-concat", "x-http-method-override"),
    } <= allowed
    assert int(answer.headers["Access-Control-Max-Age"]) > 0


def test_a_page_may_read_what_a_client_needs(service: Service) -> None:
    answer = Tus(service).create(3, b"abc", Origin=ORIGIN)
    assert answer.status == 201
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    shown = listed(answer.headers["Access-Control-Expose-Headers"])
    assert {name.lower() for name in ("Location", "Upload-Offset", "Nearcast-Job")} <= shown


@pytest.mark.parametrize(
    ("method", "path", "token", "status"),
    [
        ("GET", "/v1/jobs", "wrong-token-of-tests", 401),
        ("GET", "/v1/jobs/nobody", TOKEN, 404),
        ("GET", "/v1/none", TOKEN, 404),
        ("DELETE", "/v1/videos", TOKEN, 405),
        ("HEAD", f"{UPLOADS}/x", TOKEN, 412),
    ],
)
def test_a_page_sees_why_it_is_refused(
    service: Service, method: str, path: str, token: str, status: int
) -> None:
    answer = service.ask(method, path, token=token, Origin=ORIGIN)
    assert answer.status == status
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_events_are_open_to_pages_too(service: Service) -> None:
    job_id = service.upload(b"no video").json["job_id"]
    answer = service.ask("GET", f"/v1/jobs/{job_id}/events", Origin=ORIGIN)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_health_and_requests_of_no_page_are_left_alone(service: Service) -> None:
    assert service.get("/v1/jobs").headers["Access-Control-Allow-Origin"] is None
    answer = service.ask("GET", "/healthz", Origin=ORIGIN)
    assert answer.headers["Access-Control-Allow-Origin"] is None


@pytest.mark.parametrize(("origin", "told"), [(ORIGIN, ORIGIN), ("https://evil.example", None)])
def test_only_allowed_origins_are_named(closed: Service, origin: str, told: str | None) -> None:
    for method, fields in (("GET", {}), ("OPTIONS", {"Access_Control_Request_Method": "GET"})):
        answer = closed.ask(method, "/v1/jobs", Origin=origin, **fields)
        assert answer.headers["Access-Control-Allow-Origin"] == told
        assert "origin" in listed(answer.headers["Vary"])
