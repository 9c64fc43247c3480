"""What is done for each kind of task, between the object store and local files."""

from ingest.jobs.work.perform import JobWork
from ingest.jobs.work.tools import Tools

__all__ = ["JobWork", "Tools"]
