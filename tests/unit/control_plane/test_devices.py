"""What kind of device asks."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.devices import Devices
from control_plane.routing import Device, DeviceKind
from control_plane.routing.asked import FIELDS, PARAMETERS, bounded

DEVICES = Devices()
SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko)"


def of(user_agent: str = "", query: dict[str, str] | None = None, **fields: str) -> Device:
    given = {"user-agent": user_agent, **{k.replace("_", "-"): v for k, v in fields.items()}}
    return DEVICES.of(bounded(given, FIELDS), bounded(query or {}, PARAMETERS))


@pytest.mark.parametrize(
    ("user_agent", "kind"),
    [
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) {SAFARI} Mobile/15E", "phone"),
        (f"Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) {SAFARI} Version/12.1.2", "tablet"),
        (f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {CHROME} Chrome/123 Mobile Safari", "phone"),
        (f"Mozilla/5.0 (Linux; Android 14; SM-X710) {CHROME} Chrome/120 Safari/537.36", "tablet"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Chrome/123 Safari/5", "desktop"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {SAFARI} Version/17.4", "desktop"),
        (f"Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) {CHROME} 76.0/6.0 TV Safari", "tv"),
        (f"Mozilla/5.0 (Web0S; Linux/SmartTV) {CHROME} Chrome/79 WebAppManager", "tv"),
        ("AppleCoreMedia/1.0.0.20E247 (Apple TV; U; CPU OS 16_4 like Mac OS X; en_us)", "tv"),
        ("Roku/DVP-9.10 (519.10E04111A)", "tv"),
        (f"Mozilla/5.0 (Linux; Android 9; AFTMM Build/PS7242) {CHROME} Silk/98.6", "tv"),
        (f"Mozilla/5.0 (X11; Linux armv7l) {CHROME} Chrome/90 CrKey/1.56.500000", "tv"),
        (f"Mozilla/5.0 (PlayStation 4 8.52) {SAFARI}", "console"),
        ("AppleCoreMedia/1.0.0.20K71 (HomePod; U; CPU OS 16_1 like Mac OS X; en_us)", "speaker"),
        ("Linux UPnP/1.0 Sonos/70.3-35220 (ZPS12)", "speaker"),
        ("VLC/3.0.18 LibVLC/3.0.18", "unknown"),
        ("Lavf/60.3.100", "unknown"),
        ("", "unknown"),
        ("A" * 100_000, "unknown"),
        ("\x00\xff" * 300, "unknown"),
        ("((((" * 128, "unknown"),
    ],
)
def test_kinds_of_devices(user_agent: str, kind: str) -> None:
    assert of(user_agent).kind is DeviceKind(kind)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"sec_ch_ua_mobile": "?1"}, "phone"),
        ({"sec_ch_ua_mobile": "?0", "sec_ch_ua_platform": '"Windows"'}, "desktop"),
        ({"sec_ch_ua_form_factors": '"Tablet"', "sec_ch_ua_mobile": "?1"}, "tablet"),
        ({"sec_ch_ua_mobile": "yes", "sec_ch_ua_platform": "?"}, "unknown"),
        ({"accept": "audio/mpeg, audio/aac;q=0.5"}, "speaker"),
        ({"accept": "audio/mpeg, */*"}, "unknown"),
        ({"accept": "audio/mpegurl, application/vnd.apple.mpegurl"}, "unknown"),
    ],
)
def test_hints_tell_where_a_user_agent_does_not(fields: dict[str, str], kind: str) -> None:
    assert of("Player/1.0", None, **fields).kind is DeviceKind(kind)


@pytest.mark.parametrize(
    ("query", "fields", "shows"),
    [
        ({"max_height": "480"}, {}, 480),
        ({"max_height": "0"}, {}, None),
        ({"max_height": "-1"}, {}, None),
        ({"max_height": "1e9"}, {}, None),
        ({"max_height": "nan"}, {}, None),
        ({"max_height": "99999999999999"}, {}, None),
        ({}, {"sec_ch_viewport_width": "360", "sec_ch_viewport_height": "640"}, 360),
        (
            {},
            {
                "sec_ch_viewport_width": "360",
                "sec_ch_viewport_height": "640",
                "sec_ch_dpr": "3.0",
            },
            1080,
        ),
        ({}, {"sec_ch_viewport_width": "640"}, None),
        ({}, {"sec_ch_viewport_width": "360", "sec_ch_ua_mobile": "?1"}, 360),
        ({}, {"sec_ch_viewport_width": "1" * 400, "sec_ch_dpr": "9" * 400}, None),
    ],
)
def test_how_large_a_picture_is_shown(
    query: dict[str, str], fields: dict[str, str], shows: int | None
) -> None:
    assert of("Player/1.0", query, **fields).shows == shows


def test_old_devices() -> None:
    old = of(f"Mozilla/5.0 (iPhone; CPU iPhone OS 9_3 like Mac OS X) {SAFARI} Mobile/13E Safari")
    older = of(f"Mozilla/5.0 (Linux; U; Android 4.4; en-us; GT-I9100) {CHROME} Mobile Safari")
    new = of(f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) {SAFARI} Mobile/15E Safari")

    assert [each.only_transport_stream for each in (old, older, new)] == [True, True, False]
    assert [each.shows for each in (old, older, new)] == [720, 720, None]
    assert of(f"Mozilla/5.0 (Web0S; Linux/SmartTV) {CHROME} Chrome/53").only_h264


@pytest.mark.parametrize(
    ("text", "codecs", "sound"),
    [
        ("avc1.640028,mp4a.40.2", {"avc1", "mp4a"}, False),
        ("hev1.1.6.L93, AV01.0", {"hvc1", "av01"}, False),
        ("mp4a.40.2,ec-3", {"mp4a", "ec"}, True),
        (",,;=", None, False),
        ("x" * 500, None, False),
        (",".join(f"c{n}" for n in range(90)), {f"c{n}" for n in range(16)}, False),
    ],
)
def test_codecs_that_a_request_names(text: str, codecs: set[str] | None, sound: bool) -> None:
    device = of("Player/1.0", {"codecs": text})

    assert device.codecs == codecs
    assert device.only_sound is sound


@settings(max_examples=60)
@given(
    st.dictionaries(st.sampled_from(sorted(FIELDS)), st.text(max_size=700)),
    st.dictionaries(st.sampled_from(sorted(PARAMETERS)), st.text(max_size=300)),
)
def test_whatever_comes_is_some_device(fields: dict[str, str], query: dict[str, str]) -> None:
    device = DEVICES.of(bounded(fields, FIELDS), bounded(query, PARAMETERS))

    assert device.kind in DeviceKind
    assert len(device.name) <= 120
    assert device.shows is None or device.shows > 0
