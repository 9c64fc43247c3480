"""Where jobs and tasks are kept: one port, SQLite and MongoDB behind it."""

from ingest.jobs.store.port import JobStore
from ingest.jobs.store.settings import DatabaseSettings, open_job_store

__all__ = ["DatabaseSettings", "JobStore", "open_job_store"]
