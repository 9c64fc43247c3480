"""A control plane whose origin is real."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control_plane.settings import Settings
from tests.integration.control_service import control_plane
from tests.integration.versions_service import (
    Operator,
    Origin,
    origin_of,
    with_origin,
)


@pytest.fixture
async def origin(tmp_path: Path) -> AsyncIterator[Origin]:
    async with origin_of(tmp_path) as made, made.running():
        yield made


@pytest.fixture
def settings(tmp_path: Path, origin: Origin) -> Settings:
    return with_origin(tmp_path, origin)


@pytest.fixture
async def operator(settings: Settings) -> AsyncIterator[Operator]:
    async with control_plane(settings) as talk:
        await talk.beat("eu-1")
        yield Operator(talk)
