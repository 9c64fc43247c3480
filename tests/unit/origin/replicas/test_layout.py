"""Which keys belong to a version."""

import pytest

from origin.replicas.layout import VersionName, copier_of, name_of

NAME = VersionName("asset", "1")


@pytest.mark.parametrize("key", [NAME.manifest, "v/asset/1/x", "v/asset/1/x/y/z.m4s"])
def test_a_key_tells_its_version(key: str) -> None:
    assert name_of(key) == NAME


@pytest.mark.parametrize("key", ["", "v", "v/asset/1", "uploads/asset/1/x", "removed/asset/1"])
def test_other_keys_tell_none(key: str) -> None:
    assert name_of(key) is None


def test_a_mark_tells_what_is_copied_and_by_whom() -> None:
    assert copier_of(NAME.copying("us")) == (NAME, "us")


@pytest.mark.parametrize("key", ["", "copying/a/1", "copying/a/1/us/x", "v/a/1/us"])
def test_what_is_no_mark_tells_nothing(key: str) -> None:
    assert copier_of(key) is None
