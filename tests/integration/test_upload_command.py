"""``nearcast upload`` over a service that goes away, and over its own end."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.ingest_service import TOKEN, ControlEar, Service, running

SIZE = 200_000_000


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    ear = ControlEar()
    # Nothing looks into the files, which are no videos and would be deleted as such.
    service = Service(tmp_path / "service", ear, takes={"kinds": ["audio"]})
    with running(service):
        yield service
    ear.close()


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    block = os.urandom(1_000_000)
    with path.open("wb") as file:
        for number in range(SIZE // len(block)):
            file.write(number.to_bytes(4) + block[4:])
    return path


@contextlib.contextmanager
def command(service: Service, file: Path, token: str = TOKEN) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "deploy", "upload", str(file)),
            *("--ingest", f"http://127.0.0.1:{service.port}", "--token", token),
        ],
        env={**os.environ, "XDG_CACHE_HOME": str(service.folder / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> str:
    """What it printed last, after a good end."""
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return output.splitlines()[-1]


def arrived(service: Service) -> int:
    """Bytes that lie in the store."""
    objects = service.folder / "objects"
    return sum((objects / key).stat().st_size for key in service.objects())


def kept(service: Service, file: Path) -> bool:
    """Whether the store holds the file, and nothing else."""
    joined = (service.folder / "joined").open("wb+")
    with joined, file.open("rb") as sent:
        for key in service.objects():
            joined.write((service.folder / "objects" / key).read_bytes())
        joined.seek(0)
        while block := sent.read(1_000_000):
            if joined.read(1_000_000) != block:
                return False
        return joined.read(1) == b""


def test_a_service_that_is_killed_and_comes_back_is_bridged(service: Service, film: Path) -> None:
    with command(service, film) as process:
        service.until(lambda: arrived(service) > SIZE // 4, "some bytes are safe")
        service.kill()
        time.sleep(1)
        service.start()
        line = ended(process)
    assert line.startswith("Uploaded: job ")
    assert kept(service, film)


def test_a_command_that_is_killed_goes_on_when_it_is_called_again(
    service: Service, film: Path
) -> None:
    with command(service, film) as process:
        service.until(lambda: arrived(service) > SIZE // 4, "some bytes are safe")
        process.send_signal(signal.SIGKILL)
        process.wait()
    with command(service, film) as process:
        line = ended(process)
    assert line.startswith("Uploaded: job ")
    # Had it begun anew, the bytes of the first attempt would be there too.
    assert kept(service, film)
    assert list((service.folder / "cache" / "nearcast" / "uploads").iterdir()) == []


def test_the_same_file_sent_again_is_another_upload(service: Service, tmp_path: Path) -> None:
    small = tmp_path / "small.mp4"
    small.write_bytes(b"no video")
    lines = []
    for _ in range(2):
        with command(service, small) as process:
            lines.append(ended(process))
    assert lines[0] != lines[1]


@pytest.mark.parametrize(
    ("content", "token", "sentence"),
    [
        (b"", TOKEN, "Error: The file is empty."),
        (b"x", "wrong-token-of-tests", "Error: The credential sent is not one this server knows."),
    ],
)
def test_a_refusal_is_one_sentence(
    service: Service, tmp_path: Path, content: bytes, token: str, sentence: str
) -> None:
    file = tmp_path / "a.mp4"
    file.write_bytes(content)
    with command(service, file, token) as process:
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors.strip()) == (1, sentence)
