"""Puts the parts of each rendition in a row, and checks them against the plan."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from common.hls import SubtitleMedia, VideoRange, quotable
from ingest.package.checks import check_audio, check_subtitles, check_transport, check_video
from ingest.package.errors import PackageInvalid
from ingest.package.facts import Part
from ingest.package.layout import transport_name
from ingest.package.profiles import Shown
from ingest.package.rendition import Rendition
from ingest.plan.model import AudioCodec, EncodingPlan, SubtitleTrack, VideoCodec

SUBTITLES_GROUP: Final = "subtitles"


class Assembly:
    """The renditions of a version, as they are put together."""

    def __init__(
        self,
        plan: EncodingPlan,
        parts: Mapping[str, Sequence[Part]],
        *,
        only: Collection[str] | None,
        base: str,
    ) -> None:
        self._plan = plan
        self._parts = parts
        self._only = only
        self._base = base
        self.renditions: dict[str, Rendition] = {}
        """By name, in the order in which they were put together."""

    def video(self) -> tuple[Shown, ...]:
        """The renditions of video.

        Raises:
            PackageInvalid: a part is not as planned, or there is none to offer.
        """
        shown = []
        for one in self._plan.video:
            if self._wanted(one.name):
                rendition = self._rendition(one.name)
                check_video(self._plan, one, rendition.parts)
                shown.append(Shown(one, rendition))
        if not shown:
            raise PackageInvalid(rendition="of video", reason="none is to be offered")
        return tuple(shown)

    def sound(self) -> None:
        """The renditions of sound.

        Raises:
            PackageInvalid: a part is not as planned.
        """
        for track in self._plan.audio:
            for one in track.renditions:
                if self._wanted(one.name):
                    rendition = self._rendition(one.name)
                    check_audio(self._plan, track, one, rendition.parts)

    def subtitles(
        self, tracks: Sequence[SubtitleTrack], *, prefix: str = ""
    ) -> tuple[SubtitleMedia, ...]:
        """The tags of those ``tracks`` that are to be offered, each of what is named so after
        ``prefix``.

        Raises:
            PackageInvalid: a part is not as planned.
        """
        wanted = [track for track in tracks if self._wanted(track.name)]
        media = []
        alike = set()
        for track, label in zip(wanted, distinct([one.label for one in wanted]), strict=True):
            rendition = self._rendition(prefix + track.name)
            check_subtitles(self._plan, rendition.name, rendition.parts)
            kind = (track.language, track.forced, track.hearing_impaired)
            media.append(
                SubtitleMedia(
                    group=SUBTITLES_GROUP,
                    name=label,
                    uri=rendition.playlist_key,
                    language=track.language,
                    default=track.default,
                    forced=track.forced,
                    hearing_impaired=track.hearing_impaired,
                    # Of several alike a player can choose one by itself (rfc8216bis §4.4.6.1.1).
                    autoselect=track.default or kind not in alike,
                )
            )
            alike.add(kind)
        return tuple(media)

    def transport(self, video: Sequence[Shown]) -> tuple[Shown, ...]:
        """The transport streams that are twins of ``video``, and those of the sound.

        Raises:
            PackageInvalid: one is not like its twin.
        """
        if not self._plan.transport_stream:
            return ()
        shown = tuple(
            Shown(one.planned, self._twin(one.rendition))
            for one in video
            if one.planned.codec is VideoCodec.H264 and one.planned.video_range is VideoRange.SDR
        )
        for track in self._plan.audio:
            for sound in track.renditions:
                if sound.codec is AudioCodec.AAC and sound.name in self.renditions:
                    self._twin(self.renditions[sound.name])
        return shown

    def _twin(self, of: Rendition) -> Rendition:
        twin = self._rendition(transport_name(of.name), of)
        check_transport(twin.name, twin.parts, of.parts)
        return twin

    def _wanted(self, name: str) -> bool:
        return self._only is None or name in self._only

    def _rendition(self, name: str, twin: Rendition | None = None) -> Rendition:
        rendition = Rendition(
            name,
            self._parts.get(name, ()),
            timescale=self._plan.timescale,
            base=self._base,
            twin=None if twin is None else twin.init,
        )
        self.renditions[name] = rendition
        return rendition


def distinct(labels: Sequence[str]) -> tuple[str, ...]:
    """A name for each of ``labels`` that may stand in a playlist, no two of them the same."""
    names: list[str] = []
    for label in labels:
        plain = quotable(label) or "Unnamed"
        name, number = plain, 2
        while name in names:
            name, number = f"{plain} ({number})", number + 1
        names.append(name)
    return tuple(names)
