"""What the page makes of numbers and addresses."""

import pytest

from control_plane.dashboard.page import origin_of
from control_plane.dashboard.texts import readable_duration, readable_size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (123_456, "123 kB"),
        (12_345_678, "12.3 MB"),
        (5_000_000_000, "5.0 GB"),
        (5e15, "5000 TB"),
    ],
)
def test_sizes(count: float, text: str) -> None:
    assert readable_size(count).replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3599, "59:59"), (7325, "2:02:05")],
)
def test_durations(seconds: float, text: str) -> None:
    assert readable_duration(seconds) == text


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
