"""Zones that operators tell, over a real SQLite file."""

from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from common.messages import MessageInvalid, decode, encode
from common.messages.zones import CoverageView, CoverageZone, CoverageZones
from common.service import DatabaseSettings
from control_plane.coverage import Coverage
from control_plane.documents import DocumentStore, open_documents
from control_plane.routing.zones import Zone, ZonesInvalid
from tests.unit.control_plane.clock import Clock

ADDRESS = ip_address("192.0.2.1")
ZONES = CoverageZones((CoverageZone("campus", ("192.0.2.0/24",), ("us", "eu")),))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DocumentStore]:
    opened = await open_documents(DatabaseSettings(sqlite=tmp_path / "control.sqlite"))
    yield opened
    await opened.close()


async def test_zones_hold_once_they_are_told(store: DocumentStore) -> None:
    coverage = Coverage(store, ("eu", "us"), Clock())
    assert coverage.table.find(ADDRESS) is None
    await coverage.tell(encode(ZONES), by="ada")

    assert coverage.table.find(ADDRESS) == Zone("campus", ("us", "eu"))
    view = decode(await coverage.view(), CoverageView)
    assert view == CoverageView(ZONES.zones, "ada", 1000.0)
    await coverage.forget(by="ada")
    assert coverage.table.find(ADDRESS) is None
    assert decode(await coverage.view(), CoverageView) == CoverageView()


async def test_of_a_region_that_was_taken_out_of_the_settings_nothing_is_told(
    store: DocumentStore,
) -> None:
    await Coverage(store, ("eu", "us"), Clock()).tell(encode(ZONES), by="ada")
    later = Coverage(store, ("eu", "ap"), Clock())
    await later.folder.refresh()

    assert later.table.find(ADDRESS) == Zone("campus", ("eu",))
    with pytest.raises(ZonesInvalid, match="region 'us'; there are eu, ap"):
        await later.tell(encode(ZONES), by="ada")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"zones": {}}', b"\xff", b"[" * 100_000])
async def test_what_are_no_zones_is_refused(store: DocumentStore, body: bytes) -> None:
    coverage = Coverage(store, ("eu", "us"), Clock())
    await coverage.tell(encode(ZONES), by="ada")
    with pytest.raises(MessageInvalid):
        await coverage.tell(body, by="ada")

    assert coverage.table.find(ADDRESS) is not None
