"""Where packages live: one port, a folder and S3 behind it."""
