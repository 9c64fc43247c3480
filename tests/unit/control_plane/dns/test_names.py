"""Which asset a label means, in a real library."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control_plane.catalog import Removal
from control_plane.catalog.sqlite import SqliteCatalog
from control_plane.dns.names import AssetNames
from control_plane.library import Library
from tests.unit.control_plane.clock import Clock
from tests.unit.control_plane.records import announcement


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    catalog = await SqliteCatalog.open(tmp_path / "control.sqlite")
    yield Library(catalog, Clock())
    await catalog.close()


async def remove(library: Library, asset: str) -> None:
    await library.remove(Removal(f"r-{asset}", asset, ("1",), "operator", 1.0))


async def test_capitals_are_found_without_them(library: Library) -> None:
    await library.publish(announcement("before_Me"))
    names = AssetNames(library)
    await library.publish(announcement("Film-2"))
    await library.publish(announcement("plain"))

    assert names.meant("before_me") == "before_Me"
    assert names.meant("film-2") == "Film-2"
    assert names.meant("plain") == "plain"
    assert names.meant("nothing") is None


@pytest.mark.parametrize("other", ["film", "FILM"])
async def test_names_that_differ_in_capitals_alone_mean_nothing(
    library: Library, other: str
) -> None:
    names = AssetNames(library)
    await library.publish(announcement("Film"))
    await library.publish(announcement(other))
    assert names.meant("film") is None

    await remove(library, other)
    assert names.meant("film") == "Film"
    await remove(library, "Film")
    assert names.meant("film") is None


async def test_another_version_is_the_same_asset(library: Library) -> None:
    names = AssetNames(library)
    for version in ("1", "2", "3"):
        await library.publish(announcement("Film", version))

    assert names.meant("film") == "Film"
