"""Fixtures for every test: real servers, started when first asked for, and a watched event loop."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import structlog
import trustme
import uvloop
from blockbuster import BlockBuster

from tests.servers.databases import Server, mongodb, redis
from tests.servers.parts import FOOTAGE, installed
from tests.servers.s3 import S3Server, s3

WATCHED = ("common", "origin", "edge", "ingest", "control_plane", "deploy")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Tests run on the loop that the roles run on."""
    return {"uvloop": uvloop.new_event_loop}


def pytest_configure() -> None:
    """Logs are lines: a renderer for terminals would read source files to show a traceback."""
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(),
    )


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[BlockBuster]:
    """A call of Nearcast's own code that blocks the event loop fails the test.

    Tests may block; they have nobody to keep waiting.
    """
    watcher = BlockBuster(scanned_modules=list(WATCHED))
    # The driver looks once, when a client is made, whether it runs in a container.
    watcher.functions["os.stat"].can_block_in("pymongo/pool_options.py", "get_container_env_info")
    watcher.activate()
    yield watcher
    watcher.deactivate()


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
