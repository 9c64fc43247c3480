"""What brings a track to its loudness."""

import math

import pytest

from ingest.transcode.loudness import CEILING, MOST_GAIN, Correction, Loudness, correction, read


def lines(key: str, *values: str) -> str:
    """As FFmpeg's filter ``ametadata`` prints them."""
    return "".join(
        f"frame:{number} pts:{4800 * number} pts_time:{number / 10}\nlavfi.r128.{key}={value}\n"
        for number, value in enumerate(values)
    )


def test_the_last_word_counts() -> None:
    measured = read(lines("I", "-70.000", "-30.1", "-25.0"), lines("true_peak", "0.1", "0.5"))

    assert measured == Loudness(-25.0, pytest.approx(20 * math.log10(0.5)))


@pytest.mark.parametrize("words", ["", "lavfi.r128.I=", "lavfi.r128.I=nan", "lavfi.r128.I=-inf"])
def test_what_is_not_a_number_is_no_loudness(words: str) -> None:
    assert read(words, lines("true_peak", "0.5")) is None


def test_a_first_line_that_was_cut_does_not_matter() -> None:
    words = "28.I=-3\n" + lines("I", "-20")

    measured = read(words, lines("true_peak", "1"))

    assert measured == Loudness(-20.0, 0.0)


def test_silence_has_no_loudness_and_is_left_as_it_is() -> None:
    measured = read(lines("I", "-70.000"), lines("true_peak", "0.000"))

    assert measured is None
    assert correction(measured, -23) == Correction(0.0, limited=False)


@pytest.mark.parametrize(("loudness", "gain"), [(-30.0, 7.0), (-23.0, 0.0), (-10.0, -13.0)])
def test_the_gain_is_what_is_missing(loudness: float, gain: float) -> None:
    assert correction(Loudness(loudness, -20), -23) == Correction(gain, limited=False)


def test_noise_is_not_raised_without_bound() -> None:
    assert correction(Loudness(-69, -60), -23).gain == MOST_GAIN


def test_peaks_are_held_only_where_they_would_pass_the_ceiling() -> None:
    assert not correction(Loudness(-30, CEILING - 7), -23).limited
    assert correction(Loudness(-30, CEILING - 6.9), -23).limited


def test_a_peak_that_is_told_as_nothing_is_a_number() -> None:
    measured = read(lines("I", "-60"), lines("true_peak", "0.000"))

    assert measured is not None
    assert math.isfinite(measured.peak)
