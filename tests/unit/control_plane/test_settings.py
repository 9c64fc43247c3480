"""The control plane's settings."""

from pathlib import Path
from typing import Any

import pytest
import tomli_w

from common import settings
from common.errors import SettingsInvalid
from control_plane.dashboard.page import origin_of
from control_plane.settings import Settings

GIVEN: dict[str, Any] = {
    "listen": {"port": 8440},
    "database": {"sqlite": "control.sqlite"},
    "regions": [{"name": "eu", "title": "Europe", "latitude": 50.0, "longitude": 8.0}],
}


def loaded(folder: Path, url: str) -> Settings:
    """The settings with ``url`` as the place where browsers reach ingest."""
    file = folder / "control.toml"
    file.write_text(tomli_w.dumps(GIVEN | {"uploads_url": url}))
    return settings.load(file, Settings)


@pytest.mark.parametrize(
    "url",
    [
        "https://uploads.example.org",
        "https://uploads.example.org/",
        "http://[2001:db8::1]:8441/some/base",
        "http://127.0.0.1:8441",
    ],
)
def test_browsers_may_reach_ingest_anywhere(tmp_path: Path, url: str) -> None:
    assert loaded(tmp_path, url).uploads_url == url
    assert origin_of(url) is not None


@pytest.mark.parametrize(
    "url",
    [
        "ftp://uploads.example.org",
        "//uploads.example.org",
        "https://*",
        "https://uploads.example.org;script-src *",
        "https://uploads.example.org 'unsafe-inline'",
        "https://uploads.example.org\n",
        'https://uploads.example.org/"><script>',
        "https://somebody@uploads.example.org",
    ],
)
def test_an_address_that_could_write_the_pages_policy_is_none(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsInvalid, match="uploads_url"):
        loaded(tmp_path, url)
