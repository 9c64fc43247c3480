"""Subtitles: read from SRT, WebVTT and sources, and cut into segments of WebVTT."""

from ingest.subtitles.extract import extract_subtitles
from ingest.subtitles.parse import parse_subtitles

__all__ = ["extract_subtitles", "parse_subtitles"]
