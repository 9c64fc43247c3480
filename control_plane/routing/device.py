"""What asks: its kind, the codecs that it shows well, and how large a picture it can show. Pure.

From what it says of itself in User-Agent and client hints (RFC 8942, and the drafts for User-Agent
Client Hints), in Accept and in the query, the surer word first. What it does not say is not guessed
at: most players go by what a playlist tells and choose well.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from control_plane.routing.asked import number

LARGEST: Final = 16_384.0
"""Pixels of a picture's side, and more than any screen has."""
DENSEST: Final = 8.0
"""Device pixels to a pixel of a page."""
MOST_CODECS: Final = 16
"""Codecs that one query can name."""


class Agent(NamedTuple):
    """What a User-Agent field comes to: families as ua-parser names them; empty for unknown."""

    browser: str = ""
    version: int = 0
    """The browser's, its first number; 0 for unknown."""
    system: str = ""
    system_version: int = 0
    device: str = ""


class DeviceKind(StrEnum):
    """What a device is."""

    TV = "tv"
    CONSOLE = "console"
    DESKTOP = "desktop"
    TABLET = "tablet"
    PHONE = "phone"
    SPEAKER = "speaker"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Device:
    """What asks."""

    kind: DeviceKind = DeviceKind.UNKNOWN
    name: str = ""
    """For people."""
    codecs: frozenset[str] | None = None
    """Families of those that it plays, such as ``avc1`` and ``hvc1``; None when it does not
    say."""
    shows: int | None = None
    """The longest that the short side of a picture is to be, in pixels; None for no bound."""
    only_h264: bool = False
    """Whether it takes HEVC or AV1 and shows them badly."""
    only_transport_stream: bool = False
    """Whether it knows no fragmented MP4."""
    only_sound: bool = False
    """Whether it has asked for sound alone."""


UNKNOWN_DEVICE: Final = Device()

_KINDS: Final = (
    (
        DeviceKind.CONSOLE,
        re.compile(r"playstation|xbox|nintendo|\bwii|steam ?deck", re.IGNORECASE),
    ),
    (
        DeviceKind.SPEAKER,
        re.compile(
            r"sonos|homepod|amazonecho|\becho\b|google-?home|nest ?mini|audioaccessory"
            r"|squeezebox|internet ?radio|bose",
            re.IGNORECASE,
        ),
    ),
    (
        DeviceKind.TV,
        re.compile(
            r"smart-?tv|\btv\b|appletv|apple tv|hbbtv|web0s|webos|tizen|roku|aft[a-z]{1,4}\b"
            r"|bravia|crkey|chromecast|netcast|viera|vidaa|atv os|googletv|android tv",
            re.IGNORECASE,
        ),
    ),
    (
        DeviceKind.TABLET,
        re.compile(r"ipad|tablet|kindle|\bsm-[tx]\d|playbook|lenovo tb", re.IGNORECASE),
    ),
    (
        DeviceKind.PHONE,
        re.compile(r"iphone|ipod|mobile|phone|windows phone", re.IGNORECASE),
    ),
    (
        DeviceKind.DESKTOP,
        re.compile(r"windows|mac os x|macintosh|x11|linux x86|cros|ubuntu", re.IGNORECASE),
    ),
)
"""The first that a User-Agent field has is its kind: a television tells that it is a Linux, too."""

_BADLY: Final = re.compile(
    r"web0s|tizen [1-4]\b|netcast|smart-?tv.*tizen [1-4]|playstation|roku/dvp-[1-8]\b|hbbtv/1",
    re.IGNORECASE,
)
"""Televisions of before 2018 or so, and consoles: they take a playlist with HEVC or AV1 in it and
stall, as their decoders know one of its levels alone."""
_OLD_APPLE, _OLD_ANDROID = 10, 5
"""The first iOS and Android that know fragmented MP4 in HLS."""
_ANY_OF: Final = {"hev1": "hvc1", "avc3": "avc1", "h264": "avc1", "hevc": "hvc1", "h265": "hvc1"}
_CODEC: Final = re.compile(r"[a-z0-9]{2,8}")
SOUND_CODECS: Final = frozenset({"mp4a", "opus", "ac", "ec", "flac", "mp3", "aac"})


def device(
    user_agent: str, agent: Agent, fields: Mapping[str, str], query: Mapping[str, str]
) -> Device:
    """What asks.

    Args:
        user_agent: the field, cut to what of it counts.
        agent: what it comes to.
        fields: the request's, by names in lower case.
        query: the request's parameters.
    """
    kind = _kind(user_agent, agent, fields)
    codecs = _codecs(query.get("codecs", ""))
    if kind is DeviceKind.UNKNOWN and _wants_sound(fields.get("accept", "")):
        kind = DeviceKind.SPEAKER
    return Device(
        kind=kind,
        name=_name(agent, fields),
        codecs=codecs,
        shows=_shows(kind, agent, fields, query),
        only_h264=bool(_BADLY.search(user_agent)),
        only_transport_stream=_old(agent),
        only_sound=codecs is not None and codecs <= SOUND_CODECS,
    )


def _kind(user_agent: str, agent: Agent, fields: Mapping[str, str]) -> DeviceKind:
    told = f"{user_agent} {agent.device} {agent.system}"
    for kind, pattern in _KINDS:
        if pattern.search(told):
            found = kind
            break
    else:
        browser = agent.system == "Android" and user_agent.startswith("Mozilla/")
        found = DeviceKind.TABLET if browser else DeviceKind.UNKNOWN
    if found in {DeviceKind.UNKNOWN, DeviceKind.DESKTOP, DeviceKind.TABLET, DeviceKind.PHONE}:
        return _hinted(fields) or found
    return found


def _hinted(fields: Mapping[str, str]) -> DeviceKind | None:
    """What a browser says that it runs on, which it is told to keep out of its User-Agent."""
    factors = fields.get("sec-ch-ua-form-factors", "").lower()
    for word, kind in (("tablet", DeviceKind.TABLET), ("mobile", DeviceKind.PHONE)):
        if f'"{word}"' in factors:
            return kind
    if fields.get("sec-ch-ua-mobile") == "?1":
        return DeviceKind.PHONE
    platform = fields.get("sec-ch-ua-platform", "").strip('"').lower()
    if platform in {"windows", "macos", "linux", "chrome os", "chromium os"}:
        return DeviceKind.DESKTOP
    return None


def _codecs(text: str) -> frozenset[str] | None:
    """The families of codecs in a list of RFC 6381 names; None when there is none in it."""
    found = set[str]()
    for word in text.lower().split(",", MOST_CODECS)[:MOST_CODECS]:
        family = re.split(r"[.-]", word.strip(), maxsplit=1)[0]
        if _CODEC.fullmatch(family):
            found.add(_ANY_OF.get(family, family))
    return frozenset(found) or None


def _shows(
    kind: DeviceKind, agent: Agent, fields: Mapping[str, str], query: Mapping[str, str]
) -> int | None:
    """What the request asks for; else the short side of the page's window, in the pixels of the
    screen; else what no phone shows more of that was made before 2014."""
    asked = number(query.get("max_height"), most=LARGEST)
    if asked is not None:
        return int(asked)
    density = number(fields.get("sec-ch-dpr"), most=DENSEST) or 1.0
    sides = [
        side * density
        for name in ("sec-ch-viewport-width", "sec-ch-viewport-height")
        if (side := number(fields.get(name), most=LARGEST)) is not None
    ]
    if len(sides) == 2 or (sides and kind is DeviceKind.PHONE):
        return int(min(sides))
    if kind is DeviceKind.PHONE and _old(agent):
        return 720
    return None


def _old(agent: Agent) -> bool:
    if not agent.system_version:
        return False
    oldest = {"iOS": _OLD_APPLE, "Android": _OLD_ANDROID}.get(agent.system)
    return oldest is not None and agent.system_version < oldest


def _wants_sound(accept: str) -> bool:
    """Whether ``accept`` names sound and nothing else that is played."""
    kinds = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    sound = {kind for kind in kinds if kind.startswith("audio/") and "mpegurl" not in kind}
    return bool(sound) and sound == kinds


def _name(agent: Agent, fields: Mapping[str, str]) -> str:
    """What people call it."""
    system = agent.system or fields.get("sec-ch-ua-platform", "").strip('"')
    version = str(agent.system_version) if agent.system_version and agent.system else ""
    words = [agent.device, " ".join(filter(None, (system, version))), agent.browser]
    return ", ".join(dict.fromkeys(word for word in words if word and word != "Other"))[:120]
