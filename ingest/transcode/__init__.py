"""Carries a plan out with ffmpeg: what it is told, and the one place that runs it."""
