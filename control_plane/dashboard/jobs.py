"""The jobs that the page shows: asked of ingest, and never waited for long."""

import aiohttp

from common.errors import NearcastError
from common.messages import JobView, MessageInvalid, decode

ANSWER_WITHIN = 1.0
"""Seconds that ingest gets to answer."""
SHOWN = 20
"""Jobs on the page."""
LONGEST_ANSWER = 1024 * 1024
"""Bytes that are read of ingest's answer."""


class JobsNotRead(NearcastError):
    """Ingest does not tell its jobs: {reason}."""

    status = 502


class IngestJobs:
    """Reads jobs from ingest."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = f"{url.rstrip('/')}/v1/jobs"

    async def recent(self) -> list[JobView]:
        """The newest jobs, newest first.

        Raises:
            JobsNotRead: ingest does not answer as it should.
        """
        patience = aiohttp.ClientTimeout(total=ANSWER_WITHIN)
        try:
            async with self._session.get(
                self._url, params={"limit": SHOWN}, timeout=patience, allow_redirects=False
            ) as response:
                body = await response.content.read(LONGEST_ANSWER)
                while response.status == 200 and not response.content.at_eof():
                    body += await response.content.read(LONGEST_ANSWER)
                    if len(body) > LONGEST_ANSWER:
                        raise JobsNotRead(reason="its answer is too long")
            if response.status != 200:
                raise JobsNotRead(reason=f"it answers {response.status}")
            return decode(body, list[JobView])
        except (aiohttp.ClientError, TimeoutError, OSError, MessageInvalid) as error:
            raise JobsNotRead(reason=str(error) or type(error).__name__) from error
