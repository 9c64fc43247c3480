"""`nearcast edge` on the command line, as an operator who has read the README uses it."""

import contextlib
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
import trustme

from tests.integration.proxy_service import RawOrigin, response
from tests.servers.processes import free_ports, wait_until_open


@contextlib.contextmanager
def running(
    folder: Path, port: int, *options: str, within: tuple[str, ...] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """The command, until the block ends; ``within`` another one."""
    log = folder / "edge.log"
    with log.open("ab") as file:
        command = [*within, sys.executable, "-m", "deploy", "edge", *options]
        process = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        wait_until_open(port, process, log)
        yield process
    finally:
        process.terminate()
        process.wait(10)


async def test_an_edge_stands_before_any_origin(origin: RawOrigin, tmp_path: Path) -> None:
    port, admin = free_ports(2)
    options = (
        *("--listen", f"127.0.0.1:{port}", "--origin", origin.url),
        *("--cache-dir", str(tmp_path / "cache"), "--memory", "16MiB", "--disk", "64MiB"),
        *("--workers", "2", "--admin", f"127.0.0.1:{admin}"),
    )
    with running(tmp_path, port, *options):
        async with aiohttp.ClientSession() as viewer:
            for _ in range(2):
                async with viewer.get(f"http://127.0.0.1:{port}/film") as answered:
                    assert await answered.read() == b"hello"
            assert answered.headers["Cache-Status"].startswith("nearcast-edge; hit")
            async with viewer.get(f"http://127.0.0.1:{admin}/healthz") as health:
                assert health.status == 200


async def test_an_edge_speaks_https(
    origin: RawOrigin, tmp_path: Path, authority: trustme.CA
) -> None:
    (port,) = free_ports(1)
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued = authority.issue_cert("127.0.0.1")
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    options = (
        *("--listen", f"127.0.0.1:{port}", "--origin", origin.url),
        *("--cache-dir", str(tmp_path / "cache")),
        *("--tls-cert", str(certificate), "--tls-key", str(key)),
    )
    with running(tmp_path, port, *options):
        async with (
            aiohttp.ClientSession() as viewer,
            viewer.get(f"https://127.0.0.1:{port}/film", ssl=trusting) as answered,
        ):
            assert await answered.read() == b"hello"
    assert origin.asked[0].get("x-forwarded-proto") == "https"


NEEDED = ("--listen", "127.0.0.1:1", "--origin", "http://a", "--cache-dir", "x")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "Give either --config, or --listen, --origin and --cache-dir."),
        (("--listen", "127.0.0.1:1"), "Missing --origin and --cache-dir."),
        (
            ("--listen", "here", "--origin", "http://a", "--cache-dir", "x"),
            "'here' is not HOST:PORT",
        ),
        ((*NEEDED, "--origin", "ftp://a"), "origin.url"),
        (
            (
                "--listen",
                "127.0.0.1:1",
                "--origin",
                "http://a",
                "--cache-dir",
                "x",
                "--disk",
                "big",
            ),
            "disk",
        ),
        (
            (
                "--listen",
                "127.0.0.1:1",
                "--origin",
                "http://a",
                "--cache-dir",
                "x",
                "--workers",
                "0",
            ),
            "workers",
        ),
        (
            (
                "--listen",
                "127.0.0.1:1",
                "--origin",
                "http://a",
                "--cache-dir",
                "x",
                "--tls-key",
                "k",
            ),
            "--tls-key needs --tls-cert.",
        ),
    ],
)
def test_a_mistake_is_told_in_one_sentence(
    tmp_path: Path, options: tuple[str, ...], sentence: str
) -> None:
    command = [sys.executable, "-m", "deploy", "edge", *options]
    told = subprocess.run(
        command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )

    assert told.returncode != 0
    assert sentence in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("permitted", [True, False])
async def test_objects_are_in_large_pages_where_the_edge_may_mount_such(
    origin: RawOrigin, tmp_path: Path, runtime: Path, permitted: bool
) -> None:
    assert os.geteuid() == 0, "only root may mount: run the tests as root"
    film = bytes(range(256)) * 2048
    origin.answers(response(film, ("Cache-Control", "max-age=3600")))
    (port,) = free_ports(1)
    options = (
        *("--listen", f"127.0.0.1:{port}", "--origin", origin.url),
        *("--cache-dir", str(tmp_path / "cache"), "--memory", "64MiB", "--disk", "64MiB"),
    )
    within = () if permitted else ("setpriv", "--bounding-set=-sys_admin", "--")
    with running(tmp_path, port, *options, within=within) as process:
        assert runtime.is_dir()
        mounts = Path(f"/proc/{process.pid}/mountinfo").read_text()
        assert ("huge=within_size" in mounts) == permitted
        assert "nearcast" not in Path("/proc/self/mountinfo").read_text()
        async with aiohttp.ClientSession() as viewer:
            for _ in range(3):
                async with viewer.get(f"http://127.0.0.1:{port}/film") as answered:
                    assert await answered.read() == film
            assert answered.headers["Cache-Status"].startswith("nearcast-edge; hit")
    assert not runtime.exists()
