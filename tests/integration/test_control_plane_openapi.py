"""The OpenAPI document of a running control plane."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from common.service import Listener
from control_plane.api.openapi import DESCRIBED, missing
from tests.integration.control_service import Talk, control_plane
from tests.integration.openapi_service import everything

pytestmark = pytest.mark.usefixtures("geoip")


async def document(talk: Talk) -> Any:
    status, told, fields = await talk.call("GET", "/openapi.json")
    assert status == 200
    assert fields["Content-Type"] == "application/json"
    return told


async def test_every_route_is_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listening: list[web.Application] = []

    @dataclass(frozen=True)
    class Noted(Listener):
        def __post_init__(self) -> None:
            assert isinstance(self.application, web.Application)
            listening.append(self.application)

    monkeypatch.setattr(sys.modules["control_plane.app.main"], "Listener", Noted)
    async with control_plane(everything(tmp_path)) as talk:
        told = await document(talk)
        (application,) = listening

        assert missing(application) == [], "say what they take and answer, with @described"
        routes = {
            (route.method, route.resource.canonical)
            for route in application.router.routes()
            if route.resource is not None
            and route.resource.canonical.startswith(DESCRIBED)
            and route.method not in {"HEAD", "OPTIONS"}
        }
    described = {
        (method.upper(), path) for path, methods in told["paths"].items() for method in methods
    }
    assert described == routes


async def test_a_route_is_told_with_all_that_it_takes_and_answers(talk: Talk) -> None:
    told = await document(talk)
    purge = told["paths"]["/v1/purges"]["post"]

    assert purge["summary"].startswith("Purges on every edge; with ``wait``")
    assert purge["security"] == [{"bearer": ["operator"]}]
    assert purge["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/PurgeRequest"
    }
    assert set(purge["responses"]) == {
        "202", "400", "401", "403", "408", "413", "415", "422", "503"
    }  # fmt: skip
    assert purge["responses"]["202"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/PurgeView"
    }
    assert purge["responses"]["415"]["description"] == (
        "The body has to be sent as application/json."
    )
    assert [each["name"] for each in purge["parameters"]] == ["wait"]
    play = told["paths"]["/play/{asset_id}"]["get"]
    assert "security" not in play
    assert play["parameters"][0]["schema"]["pattern"] == "^(?:[A-Za-z0-9_-]{1,64})$"
    assert {"302", "404", "503"} <= set(play["responses"])


async def test_the_document_has_every_schema_that_it_names(talk: Talk) -> None:
    told = await document(talk)
    named: set[str] = set()

    def look(part: Any) -> None:
        if isinstance(part, dict):
            if "$ref" in part:
                named.add(part["$ref"].removeprefix("#/components/schemas/"))
            for key, each in part.items():
                assert not (key == "pattern" and "\\Z" in each)
                look(each)
        elif isinstance(part, list):
            for each in part:
                look(each)

    look(told)
    assert named == set(told["components"]["schemas"])
    names = [each["operationId"] for path in told["paths"].values() for each in path.values()]
    assert len(set(names)) == len(names)
