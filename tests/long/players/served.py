"""A web server that knows nothing of packages but their content types, for players to ask."""

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ingest.package import content_type
from tests.servers.parts import REPOSITORY, SHAKA, installed

PAGE = b"""<!doctype html><title>Players</title>
<script src="/hls.js"></script><script src="/shaka.js"></script><script src="/page.js"></script>
<body style="margin: 0"></body>"""

RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass
class Served:
    """A running server."""

    address: str
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Path and range of every request."""
    missed: list[str] = field(default_factory=list)
    """Paths of what is not there."""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Served]:
    """What is in ``folder``, to pages of any origin, and a page with the players."""
    scripts = {
        "/hls.js": installed(REPOSITORY / "control_plane/dashboard/static/vendor/hls.min.js"),
        "/shaka.js": installed(SHAKA),
        "/page.js": Path(__file__).with_name("page.js"),
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            told.asked.append((self.path, self.headers.get("Range")))
            if self.path == "/page":
                self._answer(PAGE, "text/html")
            elif self.path in scripts:
                self._answer(scripts[self.path].read_bytes(), "text/javascript")
            elif (file := folder / self.path[1:]).is_file():
                self._answer(file.read_bytes(), content_type(self.path))
            else:
                told.missed.append(self.path)
                self.send_response(HTTPStatus.NOT_FOUND)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def _answer(self, content: bytes, kind: str) -> None:
            wanted = RANGE.fullmatch(self.headers.get("Range", ""))
            part = content
            if wanted is not None:
                start, end = int(wanted[1]), int(wanted[2] or len(content) - 1)
                part = content[start : end + 1]
            self.send_response(HTTPStatus.PARTIAL_CONTENT if wanted else HTTPStatus.OK)
            if wanted is not None:
                last = start + len(part) - 1
                self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(part)))
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(part)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Served(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
