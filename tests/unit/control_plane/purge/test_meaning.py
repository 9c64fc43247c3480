"""What a request to purge means to edges."""

import pytest

from common.errors import NearcastError
from common.messages import PurgeRequest, PurgeScope
from control_plane.purge.meaning import (
    PrefixMeaningless,
    PurgeUnclear,
    SurrogateKeyMeaningless,
    UrlMeaningless,
    VersionAlone,
    meaning_of,
)

URL, PREFIX, TAG = PurgeScope.URL, PurgeScope.PREFIX, PurgeScope.TAG
EVERYTHING = PurgeScope.EVERYTHING

MEANINGS = [
    (PurgeRequest(asset_id="a"), (PREFIX, "v/a/")),
    (PurgeRequest(asset_id="a", version="1"), (PREFIX, "v/a/1/")),
    (PurgeRequest(url="/v/a/1/main.m3u8"), (URL, "v/a/1/main.m3u8")),
    (PurgeRequest(url="v/a/1/main.m3u8"), (URL, "v/a/1/main.m3u8")),
    (PurgeRequest(url="https://eu-1.example.org/v/a/1/x/0.m4s"), (URL, "v/a/1/x/0.m4s")),
    (PurgeRequest(url="HTTP://[::1]:8443/v/a/1/x.m4s?CMCD=br%3D1#t=2"), (URL, "v/a/1/x.m4s")),
    (PurgeRequest(url="/v/a/1/x.m4s?token=abc"), (URL, "v/a/1/x.m4s")),
    (PurgeRequest(url="https://e.example.org/t/abc.def/v/a/1/x.m4s"), (URL, "v/a/1/x.m4s")),
    (PurgeRequest(prefix="/v/a/1/720p"), (PREFIX, "v/a/1/720p")),
    (PurgeRequest(prefix="v/a/1/720p/"), (PREFIX, "v/a/1/720p/")),
    (PurgeRequest(prefix="https://e.example.org/v/a"), (PREFIX, "v/a")),
    (PurgeRequest(prefix="/v/"), (PREFIX, "v/")),
    (PurgeRequest(prefix="/v/a/1/..a/."), (PREFIX, "v/a/1/..a/.")),
    (PurgeRequest(surrogate_key="channel:7"), (TAG, "channel:7")),
    (PurgeRequest(everything=True), (EVERYTHING, "")),
    (PurgeRequest(everything=True, soft=True), (EVERYTHING, "")),
]


@pytest.mark.parametrize(("asked", "meaning"), MEANINGS)
def test_a_request_means_what_edges_look_up(
    asked: PurgeRequest, meaning: tuple[PurgeScope, str]
) -> None:
    assert meaning_of(asked) == meaning


REFUSED: list[tuple[PurgeRequest, type[NearcastError]]] = [
    (PurgeRequest(), PurgeUnclear),
    (PurgeRequest(soft=True), PurgeUnclear),
    (PurgeRequest(version="1"), PurgeUnclear),
    (PurgeRequest(asset_id="a", everything=True), PurgeUnclear),
    (PurgeRequest(url="/v/a/1/x", prefix="/v/"), PurgeUnclear),
    (PurgeRequest(url="/v/a/1/x", version="1"), VersionAlone),
    (PurgeRequest(everything=True, version="1"), VersionAlone),
    *(
        (PurgeRequest(url=url), UrlMeaningless)
        for url in (
            "/",
            "/v/a/1",
            "/v/a/1/",
            "/w/a/1/x",
            "/v/a/1/../2/x",
            "/v/a/1/./x",
            "/v/a//x",
            "//e.example.org/v/a/1/x",
            "/v/a/1/%78",
            "/v/a/1/ü",
            "/v/a/1/x y",
            "ftp://e.example.org/v/a/1/x",
            "https:///v/a/1/x",
            "https://[::1/v/a/1/x",
            "https://e.example.org",
            "/t/v/a/1/x",
            f"/v/a/1/{'x' * 600}",
        )
    ),
    *(
        (PurgeRequest(prefix=prefix), PrefixMeaningless)
        for prefix in (
            "/",
            "v",
            "/w/",
            "/play/a",
            "/v//",
            "/v/../",
            "/v/a/./1",
            "/v/a/*",
            "/v/a\n",
            "https://e.example.org",
            f"/v/{'x' * 600}",
        )
    ),
    *(
        (PurgeRequest(surrogate_key=key), SurrogateKeyMeaningless)
        for key in ("a b", "a\n", "ü", " ", "x" * 1025)
    ),
]


@pytest.mark.parametrize(("asked", "refusal"), REFUSED)
def test_what_means_nothing_is_refused_in_one_sentence(
    asked: PurgeRequest, refusal: type[NearcastError]
) -> None:
    with pytest.raises(refusal) as refused:
        meaning_of(asked)

    assert refused.value.status == 422
    assert len(str(refused.value)) < 300
    assert "\n" not in str(refused.value)
