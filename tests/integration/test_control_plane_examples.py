"""A running control plane keeps what its OpenAPI document promises; many more examples are among
the long tests."""

from pathlib import Path

import pytest

from tests.integration.openapi_service import ask_everything, asked_plane

pytestmark = pytest.mark.usefixtures("geoip")


async def test_answers_are_as_the_document_says(tmp_path: Path) -> None:
    async with asked_plane(tmp_path) as (talk, base):
        asked = await ask_everything(talk, base, examples=2, always_the_same=True)

    assert asked.reached("GET /play/{asset_id}", 302)
    assert asked.reached("GET /v1/edges/{edge_id}/orders", 200)
    assert asked.reached("POST /v1/edges/{edge_id}/heartbeat", 200)
    assert asked.reached("POST /v1/edges/{edge_id}/heartbeat", 422)
    assert asked.reached("DELETE /v1/assets/{asset_id}", 202)
