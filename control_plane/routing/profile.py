"""Which of a version's multivariant playlists a viewer gets. Pure.

A player chooses renditions by itself, and better than anybody who does not see its buffer: so it
gets everything, unless something is known of it that a playlist cannot tell it.
"""

from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from common.messages.packages import PackageAnnouncement, Profile
from control_plane.routing.bandwidth import Bandwidth
from control_plane.routing.device import Device, DeviceKind

CARRIES_NO_PICTURE: Final = 150_000.0
"""Bits per second: in less, no rendition with a picture fits."""
CARRIES_LITTLE: Final = 1_200_000.0
"""In less, no more than what the data saver offers."""
SMALL: Final = 720
"""Pixels of the short side."""
LESS_THAN_SMALL: Final = 480
NEWER_CODECS: Final = frozenset({"hvc1", "av01"})
EXPECTED: Final = {
    Profile.AUDIO_ONLY: 100_000.0,
    Profile.DATA_SAVER: 800_000.0,
    Profile.UP_TO_720P: 2_500_000.0,
}
"""Bits per second that a viewer of a playlist takes on average."""
EXPECTED_OF_OTHERS: Final = 4_000_000.0


class Chosen(NamedTuple):
    """A playlist, and why it is the one."""

    profile: Profile
    reason: str


WHATEVER: Final = Chosen(Profile.MAIN, "nothing is known of the viewer")
EVERYTHING: Final = Chosen(Profile.MAIN, "it has everything, and the player chooses")


def choose(
    profiles: Collection[Profile], device: Device, network: Bandwidth, asked: str = ""
) -> Chosen:
    """The playlist for a viewer, one of ``profiles``.

    Args:
        profiles: those that the version has.
        device: what asks.
        network: what it is reached over.
        asked: the name of the playlist that the request asks for; empty for none.
    """
    if asked:
        wanted = next((profile for profile in profiles if profile.value == asked), None)
        if wanted is not None:
            return Chosen(wanted, "the request asks for it")
    for applies, chosen in _RULES:
        if chosen.profile in profiles and applies(device, network):
            return chosen
    if Profile.MAIN in profiles or not profiles:
        return EVERYTHING
    return Chosen(next(iter(profiles)), "the version has no other for it")


def _carries_less(network: Bandwidth, rate: float) -> bool:
    return network.rate is not None and network.rate < rate


def _shows_no_more(device: Device, lines: int) -> bool:
    return device.shows is not None and device.shows <= lines


_RULES: Final[tuple[tuple[Callable[[Device, Bandwidth], bool], Chosen], ...]] = (
    (
        lambda device, _: device.only_transport_stream,
        Chosen(Profile.TRANSPORT_STREAM, "the device is too old for fragmented MP4"),
    ),
    (
        lambda device, _: device.kind is DeviceKind.SPEAKER,
        Chosen(Profile.AUDIO_ONLY, "the device has no screen"),
    ),
    (
        lambda device, _: device.only_sound,
        Chosen(Profile.AUDIO_ONLY, "the player names no codec of pictures"),
    ),
    (
        lambda _, network: network.own and _carries_less(network, CARRIES_NO_PICTURE),
        Chosen(Profile.AUDIO_ONLY, "the network carries no picture"),
    ),
    (
        lambda _, network: network.save_data,
        Chosen(Profile.DATA_SAVER, "the client asks to save data"),
    ),
    (
        lambda _, network: _carries_less(network, CARRIES_LITTLE),
        Chosen(Profile.DATA_SAVER, "the network carries no more"),
    ),
    (
        lambda device, _: _shows_no_more(device, LESS_THAN_SMALL),
        Chosen(Profile.DATA_SAVER, f"no more than {LESS_THAN_SMALL} lines are shown"),
    ),
    (
        lambda device, _: device.only_h264,
        Chosen(Profile.NO_HEVC_AV1, "the device shows nothing but H.264 well"),
    ),
    (
        lambda device, _: device.codecs is not None and device.codecs.isdisjoint(NEWER_CODECS),
        Chosen(Profile.NO_HEVC_AV1, "the player names neither HEVC nor AV1"),
    ),
    (
        lambda device, _: _shows_no_more(device, SMALL),
        Chosen(Profile.UP_TO_720P, f"no more than {SMALL} lines are shown"),
    ),
)
"""When a playlist suits, the best first: what a device cannot play counts before what would be
nicer."""


def expected_rate(profile: Profile, network: Bandwidth) -> float:
    """Bits per second that a viewer will take of its edge, as far as can be expected."""
    rate = EXPECTED.get(profile, EXPECTED_OF_OTHERS)
    if network.rate is not None and network.rate < rate:
        rate = network.rate
    return rate if network.asked is None else min(rate, network.asked)


def playlist_key(package: PackageAnnouncement, profile: Profile) -> str:
    """The key of a multivariant playlist, which lies beside the main one."""
    if profile is Profile.MAIN:
        return package.entry
    folder, _, _ = package.entry.rpartition("/")
    return f"{folder}/{profile.file_name}" if folder else profile.file_name
