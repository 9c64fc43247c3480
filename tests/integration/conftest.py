"""Fixtures that several tests of services share."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.up.geography import ensure_database
from edge.fetch.pool import Pool
from edge.store.claim import runtime_path
from tests.integration.control_service import GEOIP, Talk, control_plane, control_settings
from tests.integration.edge_service import Control, scripted
from tests.integration.ingest_service import ControlEar, make_clip
from tests.integration.proxy_service import RawOrigin, Viewer, proxy, raw_origin
from tests.integration.upstream_service import HURRIED


@pytest.fixture
async def origin() -> AsyncIterator[RawOrigin]:
    """Answers ``hello``, fresh for an hour, until it is told otherwise."""
    async with raw_origin() as scripted:
        yield scripted


@pytest.fixture
async def control() -> AsyncIterator[Control]:
    """Says what it is told to say, and notes what edges tell it."""
    async with scripted(Control) as made:
        yield made


@pytest.fixture
async def viewer(origin: RawOrigin, tmp_path: Path) -> AsyncIterator[Viewer]:
    """Asks a running edge before ``origin``."""
    async with proxy(tmp_path, origin) as client:
        yield client


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """Where the edge whose cache is the test's folder ``cache`` has its memory."""
    return runtime_path(tmp_path / "cache")


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(context=None)
    yield pool
    await pool.close()


@pytest.fixture
async def hurried() -> AsyncIterator[Pool]:
    pool = Pool(context=None, timeouts=HURRIED, per_endpoint=1)
    yield pool
    await pool.close()


@pytest.fixture
def ear() -> Iterator[ControlEar]:
    """Takes what ingest announces."""
    ear = ControlEar()
    yield ear
    ear.close()


@pytest.fixture(scope="session")
def early_clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A clip that has renditions for a first version, and others."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return make_clip(path, seconds=4, size="640x360").read_bytes()


@pytest.fixture(scope="session")
def large_clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A clip that takes seconds to encode."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return make_clip(path, seconds=8, size="640x360").read_bytes()


@pytest.fixture(scope="session")
def geoip() -> Iterator[None]:
    """The GeoIP database that all tests share."""
    ensure_database(GEOIP)
    yield
    shutil.rmtree(GEOIP.parent)


@pytest.fixture
async def talk(tmp_path: Path, geoip: None) -> AsyncIterator[Talk]:
    async with control_plane(control_settings(tmp_path)) as opened:
        yield opened


@pytest.fixture
async def filled(talk: Talk) -> Talk:
    """A control plane with one asset that three edges hold."""
    await talk.publish()
    for edge in ("eu-1", "us-1", "ap-1"):
        await talk.beat(edge)
        await talk.hold(edge, ("a", "1"))
    return talk
