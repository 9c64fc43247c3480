"""Ingest as processes of their own, and a control plane's ear, for tests."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import tomli_w

from origin.store import REMOVED
from tests.servers.processes import free_ports

TOKEN = "publisher-token-for-tests"
EDGE_TOKEN = "edge-token-for-tests"
CONTROL_TOKEN = "control-token-for-tests"
FINAL = {"done", "failed", "cancelled"}
FIRST_AT_ONCE = {
    "segment_seconds": 2.0,
    "chunk_seconds": 4.0,
    "first_seconds": 0.0,
    "codecs": ["hevc"],
}
"""A plan of which even the shortest video has a first version."""


class ControlEar:
    """Answers announcements as a control plane does, and notes them."""

    def __init__(self) -> None:
        ear = self
        self.heard: list[dict[str, Any]] = []
        self.withdrawn: list[str] = []
        self.tokens: set[str | None] = set()
        self.status = 201

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                ear.tokens.add(self.headers["Authorization"])
                if ear.status == 201:
                    ear.heard.append(json.loads(body))
                self.send_response(ear.status)
                answer = json.dumps({"detail": "The test refuses it."}).encode()
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def do_DELETE(self) -> None:
                ear.tokens.add(self.headers["Authorization"])
                ear.withdrawn.append(self.path)
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Answer:
    """What ingest answered."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def detail(self) -> str:
        assert self.headers["Content-Type"] == "application/problem+json"
        detail: str = self.json["detail"]
        return detail


class Service:
    """One ingest or worker process."""

    def __init__(
        self,
        folder: Path,
        ear: ControlEar | None,
        *,
        role: str = "ingest",
        name: str = "ingest",
        command: Callable[[list[str]], list[str]] = lambda arguments: arguments,
        **changes: Any,
    ) -> None:
        """Without ``ear``, ``changes`` name the control plane."""
        self.folder = folder
        (self.port,) = free_ports(1)
        document: dict[str, Any] = {
            "listen": {"port": self.port},
            "store": {"folder": str(folder / "objects")},
            "database": {"sqlite": str(folder / "jobs.sqlite")},
            "work_folder": str(folder / "work"),
            "encoding": {"preset": "ultrafast", "threads": 1},
            "plan": {"chunk_seconds": 2.0, "segment_seconds": 2.0},
        }
        if ear is not None:
            document["control"] = {"url": ear.url, "token": CONTROL_TOKEN}
        if role == "ingest":
            document["credentials"] = [
                {"name": "test", "token": TOKEN, "roles": ["publisher"]},
                {"name": "eu-1", "token": EDGE_TOKEN, "roles": ["edge"]},
            ]
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / f"{name}.toml"
        config.write_text(tomli_w.dumps(document | changes))
        self._log = folder / f"{name}.log"
        self.arguments = command([sys.executable, "-m", "deploy", role, "--config", str(config)])
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return self._log.read_text()

    def start(self) -> "Service":
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self.arguments, stderr=log, stdout=log, start_new_session=True
            )
        self.until(lambda: self.get("/readyz").status == 200, "it is ready")
        return self

    def until(self, true: Callable[[], bool], what: str, *, within: float = 60.0) -> None:
        end = time.monotonic() + within
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                if true():
                    return
            time.sleep(0.05)
        raise AssertionError(f"not within {within} s: {what}\n{self.log[-4000:]}")

    def kill(self) -> None:
        """Ends this process, and nothing else, as the kernel would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> float:
        """Asks it to end; answers how many seconds that took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(10)
        assert status == 0, self.log[-4000:]
        return time.monotonic() - began

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        token: str | None = TOKEN,
        **headers: str,
    ) -> Answer:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data=body, method=method
        )
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def upload(self, body: Any, *, title: str = "A-title", token: str | None = TOKEN) -> Answer:
        return self.ask("PUT", f"/v1/videos?title={title}", body, token)

    def job(self, job_id: str) -> Any:
        return self.get(f"/v1/jobs/{job_id}").json

    def finished(self, job_id: str, *, within: float = 90.0) -> Any:
        self.until(lambda: self.job(job_id)["state"] in FINAL, "the job ends", within=within)
        return self.job(job_id)

    def objects(self) -> list[str]:
        """The keys in the object store; the adapter's own files, and the marks of what was removed,
        left out."""
        root = self.folder / "objects"
        return sorted(
            str(path.relative_to(root))
            for path in root.rglob("*")
            if path.is_file()
            and "~" not in str(path.relative_to(root))
            and not path.is_relative_to(root / REMOVED)
        )

    def leftovers(self) -> list[str]:
        """All files of store and work folder, but for the locks of living processes and the marks
        of what was removed."""
        return [
            str(path)
            for folder in ("objects", "work")
            for path in (self.folder / folder).rglob("*")
            if path.is_file()
            and path.suffix != ".lock"
            and not path.is_relative_to(self.folder / "objects" / REMOVED)
        ]


@contextlib.contextmanager
def running(service: Service) -> Iterator[Service]:
    """Runs ``service``, and leaves no process of it behind."""
    try:
        yield service.start()
    finally:
        if service.process is not None and service.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(service.process.pid, signal.SIGKILL)
            service.process.wait()


def make_clip(path: Path, *, seconds: float, size: str = "320x180", audio: bool = True) -> Path:
    """A clip with a test picture, and a tone."""
    sound = ["-f", "lavfi", "-i", f"sine=d={seconds}"] if audio else []
    subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(),
            *("-v", "error", "-y", "-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d={seconds}"),
            *sound,
            *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"),
            str(path),
        ],
        check=True,
    )
    return path


def make_black_clip(path: Path) -> Path:
    """A clip that is black and silent."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error"]
    command += ["-f", "lavfi", "-i", "color=black:s=160x90:r=25:d=4"]
    command += ["-f", "lavfi", "-i", "anullsrc=r=44100:cl=mono", "-t", "4", "-shortest", str(path)]
    subprocess.run(command, check=True)
    return path
