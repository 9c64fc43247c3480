"""From measured parts to playlists. Pure: reads no bytes of any segment."""

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from common.hls import HERE, ContentSteering, quotable
from ingest.package.assembly import Assembly, distinct
from ingest.package.bandwidth import Rates, rates
from ingest.package.facts import Part
from ingest.package.layout import TRANSPORT_PREFIX, transport_name
from ingest.package.profiles import Offer, multivariants
from ingest.package.rendition import ListedObject, Playlist, Rendition
from ingest.package.sound import audio_groups
from ingest.plan.model import EncodingPlan, SubtitleTrack


class Package(msgspec.Struct, frozen=True):
    """All that a version is made of, beside its pictures."""

    playlists: tuple[Playlist, ...]
    """Media playlists first, the main multivariant playlist last."""
    objects: tuple[ListedObject, ...]
    """Init segments and segments. What a part wrote beyond these is nobody's."""
    renditions: tuple[str, ...]
    """Names of video as planned, best first of each codec, then of sound and of subtitles."""
    profiles: tuple[str, ...]
    """Of the multivariant playlists, see `common.messages.Profile`; the main one last."""
    duration: float
    """Seconds."""


def package(
    plan: EncodingPlan,
    parts: Mapping[str, Sequence[Part]],
    *,
    title: str = "",
    only: Collection[str] | None = None,
    base: str = "",
    sidecars: Sequence[SubtitleTrack] = (),
    steering: str | None = None,
) -> Package:
    """The package of ``plan`` from the committed parts of each rendition, in chunk order.

    ``title`` is any text of a user. ``only`` names the renditions to offer, of video, sound and
    subtitles, where not all are there yet. ``base`` leads from the version's prefix to that of the
    version that the parts were written for, such as ``../01hx/``, where it is another one.
    ``sidecars`` are subtitles beyond the source's, of which those without parts are left out; with
    transport streams go those subtitles that have twins, timed by their clock. ``steering`` is the
    URI at which players ask for their pathway.

    Raises:
        PackageInvalid: a part is missing or is not what was planned.
        PlaylistInvalid: a language or a URI is none.
    """
    assembly = Assembly(plan, parts, only=only, base=base)
    video = assembly.video()
    assembly.sound()
    tracks = (*(track for track in plan.subtitles if track.name in parts), *sidecars)
    subtitles = assembly.subtitles(tracks)
    names = tuple(assembly.renditions)
    transport_video = assembly.transport(video)
    timed = [one for one in tracks if transport_video and transport_name(one.name) in parts]
    transport_subtitles = assembly.subtitles(timed, prefix=TRANSPORT_PREFIX)
    renditions = assembly.renditions
    target = max(one.target for one in renditions.values())
    labels = [track.label for track in plan.audio]
    offer = Offer(
        plan=plan,
        title=quotable(title),
        video=video,
        sound=audio_groups(plan, renditions),
        transport_video=transport_video,
        transport_sound=audio_groups(plan, renditions, prefix=TRANSPORT_PREFIX),
        subtitles=subtitles,
        transport_subtitles=transport_subtitles,
        names=dict(zip(labels, distinct(labels), strict=True)),
        rates=_rates(renditions.values(), target),
        steering=None if steering is None else ContentSteering(steering, HERE),
    )
    profiles = [(profile, playlist.write()) for profile, playlist in multivariants(offer)]
    return Package(
        playlists=(
            *(one.playlist(target) for one in renditions.values()),
            *(one.i_frames_playlist() for one in renditions.values() if one.i_frames),
            *(Playlist(profile.file_name, text) for profile, text in profiles),
        ),
        objects=tuple(item for one in renditions.values() for item in one.objects()),
        renditions=names,
        profiles=tuple(profile.value for profile, _ in profiles),
        duration=plan.duration,
    )


def _rates(renditions: Iterable[Rendition], target: int) -> dict[str, Rates]:
    """By the keys of playlists."""
    found = {}
    for one in renditions:
        found[one.playlist_key] = rates(one.measured, target)
        if one.i_frames:
            found[one.i_frames_key] = rates(one.measured_i_frames, one.i_frames_target)
    return found
