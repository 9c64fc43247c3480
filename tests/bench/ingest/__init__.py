"""The ingest pipeline beside one plain ffmpeg."""
