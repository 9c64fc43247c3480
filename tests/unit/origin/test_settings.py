"""What settings of an origin are refused."""

from pathlib import Path

import pytest

from common.service import CredentialSettings, ListenSettings, Role
from origin.settings import Settings, SourceSettings
from origin.store.settings import S3Settings, StoreSettings


def settings(store: StoreSettings, *sources: SourceSettings, region: str = "us") -> Settings:
    credential = CredentialSettings(name="eu-1", token="t" * 16, roles=(Role.EDGE,))
    listen = ListenSettings(port=1)
    return Settings(
        listen=listen, store=store, credentials=(credential,), sources=sources, region=region
    )


def folder(path: str, name: str = "eu") -> SourceSettings:
    return SourceSettings(name=name, folder=Path(path))


def bucket(name: str, endpoint: str = "https://s3.example.org") -> S3Settings:
    return S3Settings(endpoint=endpoint, bucket=name, access_key="a", secret_key="s")


def test_regions_have_names_and_stores_of_their_own() -> None:
    made = settings(
        StoreSettings(folder=Path("data/us")),
        folder("data/eu"),
        SourceSettings(name="ap", s3=bucket("videos")),
        SourceSettings(name="sa", s3=bucket("videos", "https://s3.example.net")),
    )

    assert len(made.sources) == 3


@pytest.mark.parametrize(("region", "source"), [("eu", "eu"), ("check", "eu"), ("us", "check")])
def test_a_name_that_two_have_is_refused(region: str, source: str) -> None:
    with pytest.raises(ValueError, match="a name of its own for each region"):
        settings(StoreSettings(folder=Path("us")), folder("eu", source), region=region)


def test_a_store_that_two_regions_share_is_refused_as_no_copy() -> None:
    with pytest.raises(ValueError, match="a store of its own for each region"):
        settings(StoreSettings(folder=Path("data/us")), folder("data/../data/us"))
    with pytest.raises(ValueError, match="a store of its own for each region"):
        settings(
            StoreSettings(folder=Path("data/us")),
            SourceSettings(name="eu", s3=bucket("videos")),
            SourceSettings(name="ap", s3=bucket("videos", "https://s3.example.org/")),
        )
