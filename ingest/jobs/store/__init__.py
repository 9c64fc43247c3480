"""Where jobs and tasks are kept: one port, SQLite and MongoDB behind it."""

from ingest.jobs.store.opening import open_job_store
from ingest.jobs.store.port import JobStore

__all__ = ["JobStore", "open_job_store"]
