"""What is done for each kind of task, between the object store and local files."""

from ingest.jobs.tasks.perform import JobWork
from ingest.jobs.tasks.tools import Tools

__all__ = ["JobWork", "Tools"]
