"""Resumable uploads by the real tus-js-client: under Node, and on a page of another origin."""

import contextlib
import functools
import hashlib
import json
import os
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright._impl._driver import compute_driver_executable
from playwright.async_api import Page, async_playwright

from tests.integration.ingest_service import TOKEN, ControlEar, Service, running
from tests.integration.tus_client import UPLOADS, Tus
from tests.servers.parts import REPOSITORY, installed, program

DASHBOARD = REPOSITORY / "control_plane" / "dashboard"
SIZE = 6_000_000
CHUNK = 64 * 1024


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    ear = ControlEar()
    # Nothing looks into the files, which are no videos and would be deleted as such.
    service = Service(tmp_path / "service", ear, takes={"kinds": ["audio"]})
    with running(service):
        yield service
    ear.close()


@pytest.fixture(scope="module")
def content() -> bytes:
    return os.urandom(SIZE)


@contextlib.contextmanager
def uploading(service: Service, file: Path, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """tus-js-client under Node while it uploads ``file``."""
    given: dict[str, Any] = {
        "endpoint": f"http://127.0.0.1:{service.port}{UPLOADS}",
        "headers": {"Authorization": f"Bearer {TOKEN}"},
        "metadata": {"filename": "clip.mp4", "filetype": "video/mp4"},
        "chunkSize": CHUNK,
    }
    node, _ = compute_driver_executable()
    client = installed(DASHBOARD / "node_modules" / "tus-js-client")
    script = Path(__file__).with_name("tus_upload.cjs")
    process = subprocess.Popen(
        [node, script, client, json.dumps(given | options), file],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def accepted(process: subprocess.Popen[str], at_least: int) -> None:
    """Returns when the service has accepted so many bytes."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("accepted ") and int(line.split()[1]) >= at_least:
            return
    assert process.stderr is not None
    raise AssertionError(process.stderr.read())


def finished(process: subprocess.Popen[str]) -> tuple[str, str]:
    """The job and the place of the upload once the client is done."""
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    *_, last = output.splitlines()
    word, job_id, url = last.split()
    assert word == "done"
    return job_id, url


def source_of(service: Service, *upload_ids: str) -> bytes:
    keys = [key for one in upload_ids for key in Tus(service).pieces(f"{UPLOADS}/{one}")]
    return b"".join((service.folder / "objects" / key).read_bytes() for key in keys)


def test_an_upload_in_small_chunks_goes_on_after_kill_9_of_the_service(
    service: Service, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "clip.mp4"
    file.write_bytes(content)
    with uploading(service, file) as client:
        for share in (1, 2):
            accepted(client, share * SIZE // 3)
            service.kill()
            service.start()
        job_id, url = finished(client)
    assert url.endswith(f"{UPLOADS}/{job_id}")
    assert service.job(job_id)["title"] == "clip.mp4"
    assert source_of(service, job_id) == content


def test_a_client_that_was_killed_goes_on_where_it_was(
    service: Service, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "clip.mp4"
    file.write_bytes(content)
    tus = Tus(service)
    path = tus.begin(SIZE)
    url = f"http://127.0.0.1:{service.port}{path}"
    with uploading(service, file, uploadUrl=url) as client:
        accepted(client, SIZE // 3)
    assert SIZE // 3 <= tus.offset(path) < SIZE
    with uploading(service, file, uploadUrl=url) as client:
        job_id, _ = finished(client)
    assert source_of(service, job_id) == content


def test_three_uploads_side_by_side_are_joined(
    service: Service, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "clip.mp4"
    file.write_bytes(content)
    with uploading(service, file, parallelUploads=3) as client:
        job_id, url = finished(client)
    told = Tus(service).ask("HEAD", f"{UPLOADS}/{url.rpartition('/')[2]}")
    parts = told.headers["Upload-Concat"].removeprefix("final;").split()
    assert len(parts) == 3
    assert source_of(service, *(part.rpartition("/")[2] for part in parts)) == content
    assert told.headers["Nearcast-Job"] == job_id


PAGE = """<!doctype html><title>Another origin</title><script src="tus.min.js"></script>"""
BEGIN = """
async ([endpoint, token, size, chunk, stopAt]) => {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 4) new DataView(bytes.buffer).setUint32(at, at * 2654435761);
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  const file = new File([bytes], "clip.mp4", { type: "video/mp4", lastModified: 1 });
  const told = { starts: [], previous: 0 };
  told.digest = [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, "0")).join("");
  return await new Promise(async (resolve, reject) => {
    const upload = new tus.Upload(file, {
      endpoint,
      chunkSize: chunk,
      headers: { Authorization: `Bearer ${token}` },
      metadata: { filename: file.name, filetype: file.type },
      retryDelays: [100, 500],
      onError: reject,
      onChunkComplete: (_, accepted) => {
        told.starts.push(accepted);
        if (accepted >= stopAt) {
          upload.abort();
          resolve(told);
        }
      },
      onSuccess: ({ lastResponse }) => {
        told.job = lastResponse.getHeader("Nearcast-Job");
        resolve(told);
      },
    });
    const previous = await upload.findPreviousUploads();
    told.previous = previous.length;
    if (previous.length) upload.resumeFromPreviousUpload(previous[0]);
    upload.start();
  });
}
"""
STATUS = """
async ([url, method, fields]) => {
  const response = await fetch(url, { method, headers: fields });
  return [response.status, response.headers.get("Tus-Resumable"), await response.text()];
}
"""


@contextlib.contextmanager
def other_origin(folder: Path) -> Iterator[str]:
    """A web server of somebody else, with a page that has the client on it."""
    folder.mkdir()
    (folder / "index.html").write_text(PAGE)
    client = installed(DASHBOARD / "static" / "vendor" / "tus.min.js")
    (folder / "tus.min.js").write_bytes(client.read_bytes())

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program("chromium"),
            args=[
                *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
                *("--disable-background-networking", "--disable-sync"),
                "--disable-component-update",
            ],
        )
        with other_origin(tmp_path / "page") as address:
            opened = await browser.new_page()
            await opened.goto(address)
            yield opened
            await browser.close()


async def test_a_page_of_another_origin_uploads_and_goes_on_after_a_pause(
    service: Service, page: Page
) -> None:
    endpoint = f"http://127.0.0.1:{service.port}{UPLOADS}"
    first = await page.evaluate(BEGIN, [endpoint, TOKEN, SIZE, 4 * CHUNK, SIZE // 3])
    assert first["previous"] == 0
    service.kill()
    service.start()
    second = await page.evaluate(BEGIN, [endpoint, TOKEN, SIZE, 4 * CHUNK, 10 * SIZE])
    assert second["previous"] == 1
    assert second["starts"][0] > SIZE // 3
    sent = source_of(service, second["job"])
    assert hashlib.sha256(sent).hexdigest() == first["digest"]


async def test_a_page_of_another_origin_sees_why_it_is_refused(
    service: Service, page: Page
) -> None:
    address = f"http://127.0.0.1:{service.port}"
    fields = {"Authorization": f"Bearer {TOKEN}", "Tus-Resumable": "1.0.0"}
    place = f"{address}{UPLOADS}/{'0' * 26}"
    status, spoken, detail = await page.evaluate(STATUS, [place, "PATCH", fields])
    assert (status, spoken) == (415, "1.0.0")
    assert "application/offset+octet-stream" in detail
    unknown = {"Authorization": "Bearer wrong-token-of-tests"}
    for url in (f"{address}{UPLOADS}", f"{address}/v1/jobs", f"{address}/v1/videos"):
        assert (await page.evaluate(STATUS, [url, "POST", unknown]))[0] in {401, 405}
    jobs = await page.evaluate(STATUS, [f"{address}/v1/jobs", "GET", fields])
    assert jobs[0] == 200
