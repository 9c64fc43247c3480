"""Which playlist a viewer gets."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.messages import Profile
from control_plane.routing import Bandwidth, Device, DeviceKind, choose
from control_plane.routing.profile import expected_rate, playlist_key
from tests.unit.control_plane.records import announcement

ALL = tuple(Profile)
SPEAKER = Device(kind=DeviceKind.SPEAKER)


@pytest.mark.parametrize(
    ("device", "network", "profile"),
    [
        (Device(), Bandwidth(), "main"),
        (Device(), Bandwidth(rate=20e6), "main"),
        (Device(), Bandwidth(rate=1e6), "data-saver"),
        (Device(), Bandwidth(rate=1e5), "audio-only"),
        (Device(), Bandwidth(rate=1e5, own=False), "data-saver"),
        (Device(), Bandwidth(rate=20e6, save_data=True), "data-saver"),
        (SPEAKER, Bandwidth(), "audio-only"),
        (Device(codecs=frozenset({"mp4a"}), only_sound=True), Bandwidth(), "audio-only"),
        (Device(codecs=frozenset({"avc1", "mp4a"})), Bandwidth(), "no-hevc-av1"),
        (Device(codecs=frozenset({"avc1", "av01"})), Bandwidth(), "main"),
        (Device(only_h264=True), Bandwidth(), "no-hevc-av1"),
        (Device(shows=720), Bandwidth(), "up-to-720p"),
        (Device(shows=480), Bandwidth(), "data-saver"),
        (Device(shows=1080), Bandwidth(), "main"),
        (Device(only_transport_stream=True, shows=480), Bandwidth(save_data=True), "ts"),
    ],
)
def test_a_viewer_gets_what_suits(device: Device, network: Bandwidth, profile: str) -> None:
    chosen = choose(ALL, device, network)

    assert chosen.profile == profile
    assert chosen.reason


def test_the_next_best_is_given_where_the_best_is_missing() -> None:
    few = (Profile.MAIN, Profile.DATA_SAVER)

    assert choose(few, SPEAKER, Bandwidth(save_data=True)).profile is Profile.DATA_SAVER
    assert choose(few, SPEAKER, Bandwidth()).profile is Profile.MAIN
    assert choose((Profile.AUDIO_ONLY,), Device(), Bandwidth()).profile is Profile.AUDIO_ONLY


@pytest.mark.parametrize(
    ("asked", "profile"),
    [("ts", "ts"), ("audio-only", "audio-only"), ("../main", "main"), ("TS", "main")],
)
def test_what_a_request_asks_for_wins_if_it_is_there(asked: str, profile: str) -> None:
    assert choose(ALL, Device(), Bandwidth(), asked).profile == profile
    assert choose((Profile.MAIN,), Device(), Bandwidth(), asked).profile is Profile.MAIN


@given(
    st.lists(st.sampled_from(ALL), unique=True, min_size=1),
    st.sampled_from(DeviceKind),
    st.none() | st.floats(1, 1e9),
    st.booleans(),
    st.none() | st.integers(1, 4000),
    st.text(max_size=20),
)
def test_nobody_gets_what_the_version_lacks(
    profiles: Sequence[Profile],
    kind: DeviceKind,
    rate: float | None,
    flag: bool,
    shows: int | None,
    asked: str,
) -> None:
    device = Device(kind=kind, shows=shows, only_h264=flag, only_transport_stream=not flag)
    network = Bandwidth(rate=rate, save_data=flag)
    chosen = choose(profiles, device, network, asked)

    assert chosen.profile in profiles
    assert 0 < expected_rate(chosen.profile, network) <= 4e6
    assert expected_rate(chosen.profile, network._replace(asked=1.0)) == 1.0


def test_playlists_lie_beside_the_main_one() -> None:
    package = announcement("a", "2", entry="v/a/1/main.m3u8", objects_of="1")

    assert playlist_key(package, Profile.MAIN) == "v/a/1/main.m3u8"
    assert playlist_key(package, Profile.DATA_SAVER) == "v/a/1/data-saver.m3u8"
    assert playlist_key(announcement(entry="main.m3u8"), Profile.TRANSPORT_STREAM) == "ts.m3u8"
