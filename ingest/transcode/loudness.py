"""How loud sound is, and what brings it to where it should be (EBU R 128, ITU-R BS.1770-5). Pure.

A whole track gets one gain: what is loud and what is quiet in it stay as they were. Only peaks that
the gain would take over the ceiling are held below it.
"""

import math
from typing import Final, NamedTuple

INTEGRATED_KEY: Final = "lavfi.r128.I"
PEAK_KEY: Final = "lavfi.r128.true_peak"
"""Names under which FFmpeg's filter ``ebur128`` tells what it has measured so far."""

CEILING: Final = -1.0
"""dBTP that no peak is to pass (EBU R 128, recommendation h)."""

SILENCE: Final = -70.0
"""LUFS of BS.1770's absolute gate: what is not louder, or shorter than a block of 0.4 s, has no
loudness."""

MOST_GAIN: Final = 30.0
"""dB; whatever needs more is noise."""

LEAST_PEAK: Final = 0.0005
"""The filter tells peaks to three digits; none is 0."""


class Loudness(NamedTuple):
    """What was measured of a track."""

    integrated: float
    """LUFS."""
    peak: float
    """dBTP."""


class Correction(NamedTuple):
    """What a track needs."""

    gain: float
    """dB."""
    limited: bool
    """Whether peaks would pass the ceiling."""


def read(integrated: str, peaks: str) -> Loudness | None:
    """What the last lines of the filter's words say; none where there is no sound.

    ``integrated`` and ``peaks`` are lines of ``ametadata``: ``key=value`` behind each frame's time.
    """
    loudness, peak = _last(integrated, INTEGRATED_KEY), _last(peaks, PEAK_KEY)
    if loudness is None or peak is None or not loudness > SILENCE:
        return None
    return Loudness(loudness, 20 * math.log10(max(peak, LEAST_PEAK)))


def correction(measured: Loudness | None, target: float) -> Correction:
    """What brings a track that was ``measured`` so to ``target`` LUFS; nothing for silence."""
    if measured is None:
        return Correction(gain=0.0, limited=False)
    gain = min(target - measured.integrated, MOST_GAIN)
    return Correction(gain=gain, limited=measured.peak + gain > CEILING)


def _last(lines: str, key: str) -> float | None:
    for line in reversed(lines.splitlines()):
        name, _, value = line.partition("=")
        if name == key:
            try:
                number = float(value)
            except ValueError:
                return None
            return number if math.isfinite(number) else None
    return None
