"""Fixtures for every test: real servers, started when first asked for, and a watched event loop."""

import asyncio
import os
import socket
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import hypothesis
import pytest
import structlog
import trustme
import uvloop
from blockbuster import BlockBuster, BlockBusterFunction, BlockingError

from tests.servers import leftovers
from tests.servers.databases import Server, mongodb, redis
from tests.servers.parts import FOOTAGE, installed
from tests.servers.s3 import S3Server, s3

WATCHED = ("common", "origin", "edge", "ingest", "control_plane", "deploy")
ALSO_BLOCKING = (
    *((os, name) for name in ("open", "fsync", "fdatasync", "pread", "pwrite", "ftruncate")),
    (os, "posix_fallocate"),
    (socket, "getaddrinfo"),
)
"""What blockbuster does not know by itself."""
IN_MEMORY = {
    "os.open": {"__init__"},
    "os.pread": {"read"},
    "os.unlink": {"remove", "release"},
    "os.stat": {"evicted"},
}
"""Calls on files that are in memory, where no disk can keep anybody waiting."""


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Tests run on the loop that the roles run on."""
    return {"uvloop": uvloop.new_event_loop}


def pytest_configure() -> None:
    """Sets up what holds for every test."""
    # How long an example takes says more about who else uses the machine than about the code.
    hypothesis.settings.register_profile("house", deadline=None)
    hypothesis.settings.load_profile("house")
    # Logs are lines: a renderer for terminals would read source files to show a traceback.
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(),
    )


@pytest.fixture(autouse=True)
def no_blocking_calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A call of Nearcast's own code that blocks the event loop fails the test.

    It fails it even where the code catches every error, as loops in the background do. Tests may
    block; they have nobody to keep waiting.
    """
    heard: list[str] = []

    class Heard(BlockingError):
        def __init__(self, function: str) -> None:
            super().__init__(function)
            caller = traceback.extract_stack(limit=12)
            heard.append(f"{function}:\n{''.join(traceback.format_list(caller))}")

    monkeypatch.setattr("blockbuster.blockbuster.BlockingError", Heard)
    watcher = BlockBuster(scanned_modules=list(WATCHED))
    for module, name in ALSO_BLOCKING:
        watcher.functions[f"{module.__name__}.{name}"] = BlockBusterFunction(
            module, name, scanned_modules=list(WATCHED)
        )
    # The driver looks once, when a client is made, whether it runs in a container.
    watcher.functions["os.stat"].can_block_in("pymongo/pool_options.py", "get_container_env_info")
    for name, functions in IN_MEMORY.items():
        watcher.functions[name].can_block_in("edge/store/memory.py", functions)
    # From memory to a socket that does not wait.
    watcher.functions["os.sendfile"].can_block_in("edge/serve/delivery.py", {"send_pages"})
    watcher.activate()
    yield heard
    watcher.deactivate()
    assert not heard, f"The event loop was blocked by {heard[0]}"


@pytest.fixture(scope="session", autouse=True)
def no_processes_left() -> Iterator[None]:
    """When all tests are done, nothing runs that they have started."""
    leftovers.mark()
    yield
    assert leftovers.still_there(leftovers.all_left) == []


@pytest.fixture(scope="module", autouse=True)
def no_orphans(no_processes_left: None) -> Iterator[None]:
    """No process outlives the one that was to look after it."""
    yield
    assert leftovers.still_there(leftovers.orphans) == []


@pytest.fixture(scope="session")
def mongodb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real MongoDB."""
    with mongodb(tmp_path_factory.mktemp("mongodb")) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real Redis."""
    with redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server."""
    with s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def footage() -> Path:
    """The folder with bigbuckbunny.mp4, bikes.mp4 and carphone_pristine.mp4."""
    return installed(FOOTAGE)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority for the tests' servers."""
    return trustme.CA()
