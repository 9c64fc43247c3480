"""What the page makes of addresses."""

import pytest

from control_plane.dashboard.page import origin_of


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://eu-1.example.org", "https://eu-1.example.org"),
        ("https://eu-1.example.org:8443/base", "https://eu-1.example.org:8443"),
        ("http://[2001:db8::1]:80/", "http://[2001:db8::1]:80"),
        ("https://host;script-src", None),
        ("https://host,other", None),
        ("https://'self'", None),
        ("https://*", None),
        ("https://user@host", None),
    ],
)
def test_origins(url: str, origin: str | None) -> None:
    assert origin_of(url) == origin
