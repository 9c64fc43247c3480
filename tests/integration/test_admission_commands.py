"""``nearcast zones`` and ``nearcast policies``, at a control plane over real sockets."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.control_service import TOKENS, control_plane, control_settings

ZONES = {
    "zones": [
        {"name": "campus", "networks": ["192.0.2.0/24", "2001:db8::/32"], "regions": ["eu", "us"]}
    ]
}
POLICY = {"allowed_countries": ["DE"], "deny_url": "https://www.example.org/no"}


@dataclass
class System:
    """A control plane, and files for it."""

    url: str
    folder: Path

    def file(self, content: Any) -> str:
        path = self.folder / "file.json"
        path.write_text(json.dumps(content))
        return str(path)

    async def run(self, *words: str) -> tuple[int, str, str]:
        """Status, output and complaint of a command."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "deploy", *words),
            *("--control", self.url, "--token", TOKENS["operator"]),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode(), errors.decode()


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    settings = control_settings(tmp_path, geoip=())
    async with control_plane(settings):
        yield System(f"http://127.0.0.1:{settings.listen.port}", tmp_path)


async def test_zones_are_uploaded_shown_and_removed(system: System) -> None:
    uploaded = await system.run("zones", "upload", system.file(ZONES))
    status, shown, _ = await system.run("zones", "show")
    removed = await system.run("zones", "remove")

    assert uploaded == (0, "1 zone with 2 networks hold.\n", "")
    assert (status, json.loads(shown)) == (0, ZONES)
    assert removed == (0, "There are no zones any more.\n", "")


async def test_policies_are_set_listed_shown_and_removed(system: System) -> None:
    name = "creators/ada"
    told = await system.run("policies", "set", name, system.file(POLICY))
    assert told == (0, "The policy creators/ada holds.\n", "")
    _, listed, _ = await system.run("policies", "list")
    assert listed.startswith("creators/ada  told by operator on 20")
    status, shown, _ = await system.run("policies", "show", name)
    assert (status, json.loads(shown)) == (0, POLICY)
    removed = await system.run("policies", "remove", name)
    assert removed == (0, "The policy creators/ada holds no more.\n", "")


async def test_what_is_refused_is_told_in_a_sentence(system: System) -> None:
    nameless = system.file({"zones": [{"name": "a"}]})
    status, output, told = await system.run("zones", "upload", nameless)
    assert (status, output) == (1, "")
    assert "Object missing required field `networks`" in told
    status, output, told = await system.run("policies", "remove", "everybody")
    assert (status, output) == (2, "")
    assert "a policy is default, creators/ID or assets/ID." in told
