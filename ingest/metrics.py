"""What ingest counts for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from common.messages import JobState
from ingest.jobs.worker import Assignment

_TASK_SECONDS = (0.1, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 900, 3600)
_START_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 5, 30, 120, 600, 3600)


class IngestMetrics:
    """The metrics of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._uploads = Counter(
            "nearcast_ingest_uploads",
            "Uploads answered, by status.",
            ["status"],
            registry=registry,
        )
        self._bytes = Counter(
            "nearcast_ingest_upload_bytes", "Bytes received in uploads.", registry=registry
        )
        self._jobs = Gauge(
            "nearcast_ingest_jobs", "Jobs that are not final.", ["state"], registry=registry
        )
        self._tasks = Histogram(
            "nearcast_ingest_task_seconds",
            "Seconds that attempts at tasks took, by kind and by how they ended.",
            ["kind", "state"],
            buckets=_TASK_SECONDS,
            registry=registry,
        )

        self._starts = Histogram(
            "nearcast_ingest_encoder_start_seconds",
            "Seconds from when a task was made to when its first encoder was started.",
            buckets=_START_SECONDS,
            registry=registry,
        )

    def upload(self, status: int) -> None:
        """Counts an upload that was answered."""
        self._uploads.labels(str(status)).inc()

    def received(self, count: int) -> None:
        """Counts bytes of an upload."""
        self._bytes.inc(count)

    def jobs(self, counts: dict[JobState, int]) -> None:
        """Tells how many jobs stand in each state that is not final."""
        for state in JobState:
            if not state.final:
                self._jobs.labels(state.value).set(counts.get(state, 0))

    def attempt(self, assignment: Assignment, seconds: float) -> None:
        """Counts an attempt that ended."""
        task = assignment.task
        self._tasks.labels(task.kind.value, task.state.value).observe(seconds)
        if assignment.encoder_started_at is not None and task.attempt == 1:
            self._starts.observe(max(0.0, assignment.encoder_started_at - task.created_at))
