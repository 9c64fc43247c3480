"""Requests for uploads."""

import pytest

from ingest.inspect.errors import ProfileUnknown
from ingest.upload.errors import LengthMalformed, TitleInvalid, UploadEmpty, UploadTooLarge
from ingest.upload.request import check_length, check_request


def limit_of(profile: str | None) -> int:
    limits = {None: 100, "films": 1000}
    if profile not in limits:
        raise ProfileUnknown(profile=profile, known="films")
    return limits[profile]


def test_a_profile_says_how_large_a_file_may_be() -> None:
    one = check_request({"title": "a"}, content_type="x/y", limit_of=limit_of)
    film = {"title": "a", "profile": "films"}
    other = check_request(film, content_type="x/y", limit_of=limit_of)
    assert (one.limit, other.limit) == (100, 1000)


def test_a_profile_that_is_not_there_is_refused_before_the_file_comes() -> None:
    wanted = {"title": "a", "profile": "operas"}
    with pytest.raises(ProfileUnknown, match="operas"):
        check_request(wanted, content_type="x/y", limit_of=limit_of)


def test_a_title_and_a_file_name_are_taken() -> None:
    wanted = check_request(
        {"title": "Grüße 🎬", "filename": "a b.mp4"}, content_type="video/mp4", limit_of=limit_of
    )
    assert (wanted.title, wanted.filename) == ("Grüße 🎬", "a b.mp4")


def test_without_a_title_the_file_name_serves() -> None:
    assert (
        check_request({"filename": "a.mp4"}, content_type="x/y", limit_of=limit_of).title == "a.mp4"
    )


@pytest.mark.parametrize(
    "title", ["", "   ", "a\nb", "a\x00b", "\u202egnp.exe", "a\u2028b", "\ud800", "x" * 257]
)
def test_a_hostile_title_is_refused_in_one_sentence(title: str) -> None:
    with pytest.raises(TitleInvalid, match="The title must be 1 to 256 characters"):
        check_request({"title": title}, content_type="x/y", limit_of=limit_of)


def test_a_hostile_file_name_is_refused() -> None:
    with pytest.raises(TitleInvalid, match="filename"):
        check_request(
            {"title": "ok", "filename": "a\x1b[31m"}, content_type="x/y", limit_of=limit_of
        )


def test_a_body_within_the_limit_may_come() -> None:
    check_length("100", 100)
    check_length(None, 100)


@pytest.mark.parametrize(
    ("length", "mistake"),
    [
        ("101", UploadTooLarge),
        ("9" * 20, UploadTooLarge),
        ("0", UploadEmpty),
        ("-1", LengthMalformed),
        ("1e3", LengthMalformed),
        ("٣", LengthMalformed),
        ("9" * 5000, LengthMalformed),
    ],
)
def test_other_bodies_may_not(length: str, mistake: type[Exception]) -> None:
    with pytest.raises(mistake):
        check_length(length, 100)
