"""A control plane keeps what its OpenAPI document promises, with other examples each time."""

import asyncio
from pathlib import Path

import pytest

from deploy.up.geography import ensure_database
from tests.integration.control_service import GEOIP
from tests.integration.openapi_service import ask_everything, asked_plane


@pytest.mark.timeout(600)
async def test_answers_are_as_the_document_says(tmp_path: Path) -> None:
    GEOIP.parent.mkdir(exist_ok=True)
    await asyncio.to_thread(ensure_database, GEOIP)
    async with asked_plane(tmp_path) as (talk, base):
        asked = await ask_everything(talk, base, examples=60, always_the_same=False)

    assert asked.reached("GET /play/{asset_id}", 302)
    assert asked.reached("POST /v1/purges", 202)
