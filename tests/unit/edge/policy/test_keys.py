"""Which paths name objects; every way to say another path is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import NearcastError
from edge.policy.keys import PathInvalid, PathUnknown, object_key


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/v/a/1/main.m3u8", "v/a/1/main.m3u8"),
        ("/v/a/1/720p/c0000a1/00000.m4s?CMCD=bl%3D2", "v/a/1/720p/c0000a1/00000.m4s"),
        ("/v/a/1/x?/../y", "v/a/1/x"),
    ],
)
def test_the_key_is_the_path_without_its_query(path: str, key: str) -> None:
    assert object_key(path) == key


@pytest.mark.parametrize(
    "path",
    [
        "/v/a/1/../x",
        "/v/./1/x",
        "/v/a/1/%2e%2e/x",
        "/v/a%2f1/x/y",
        "/v/a//x/y",
        "/v/a/1/x/",
        "//v/a/1/x",
        "/v/a/1/x\\y",
        "/v/a/1/x;y",
        "/v/a/1/x#y",
        "/v/a/1/\x00",
        "/v/a/1/x\n",
        "/v/a/1/\u00fc",
        "*",
        "",
        "http://edge/v/a/1/x",
        "/" + "v/" * 400 + "x",
    ],
)
def test_odd_paths_are_invalid(path: str) -> None:
    with pytest.raises(PathInvalid):
        object_key(path)


@pytest.mark.parametrize("path", ["/", "/v", "/v/a", "/v/a/1", "/uploads/j/source/x", "/vx/a/1/x"])
def test_other_paths_are_unknown(path: str) -> None:
    with pytest.raises(PathUnknown):
        object_key(path)


@given(st.text(max_size=80))
def test_no_text_becomes_a_key_outside_of_the_packages(text: str) -> None:
    try:
        key = object_key("/v/" + text)
    except NearcastError:
        return
    assert key.startswith("v/")
    assert ".." not in key.split("/")
