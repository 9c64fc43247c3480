"""Ingest over HTTP: uploads, jobs, and what happens to them."""
