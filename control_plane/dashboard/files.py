"""The pages' scripts, styles and pictures: few and small, so they are kept in memory."""

import hashlib
from dataclasses import dataclass
from importlib import resources

from aiohttp import hdrs, web

from common.clock import Clock
from common.http import EntityTag, Representation, answer

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
OWN = (
    "icon.svg",
    "page.css",
    "upload.css",
    "card.js",
    "channel.js",
    "format.js",
    "ingest.js",
    "page.js",
    "pathways.js",
    "player.js",
    "posters.js",
    "seek.js",
    "service.js",
    "storyboard.js",
    "token.js",
    "transfer.js",
    "unfinished.js",
    "upload.js",
    "versions.js",
)
PLAYER = "vendor/hls.min.js"
UPLOADER = "vendor/tus.min.js"
THIRD_PARTY = (PLAYER, UPLOADER)
"""What `make install` brings; nothing else may be missing."""


@dataclass(frozen=True)
class _File:
    content: bytes
    representation: Representation


class Files:
    """Answers with the files below ``/static/``."""

    def __init__(self, clock: Clock) -> None:
        """Reads all files: not for the event loop."""
        self._clock = clock
        self._files: dict[str, _File] = {}
        folder = resources.files("control_plane") / "dashboard" / "static"
        for name in (*OWN, *THIRD_PARTY):
            try:
                content = folder.joinpath(*name.split("/")).read_bytes()
            except FileNotFoundError:
                if name in OWN:
                    raise
                continue
            tag = EntityTag(hashlib.sha256(content).hexdigest()[:32])
            kind = TYPES[name[name.rindex(".") :]]
            self._files[name] = _File(content, Representation(len(content), kind, tag))

    @property
    def has_player(self) -> bool:
        """Whether the player is installed."""
        return PLAYER in self._files

    @property
    def has_uploader(self) -> bool:
        """Whether what uploads is installed."""
        return UPLOADER in self._files

    async def answer(self, request: web.Request) -> web.Response:
        """A file, or 304 for who has it already."""
        file = self._files.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        decided = answer(
            request.method, request.headers.items(), file.representation, now=self._clock.now()
        )
        content = file.content[decided.body.start : decided.body.stop] if decided.body else None
        return web.Response(
            status=decided.status,
            body=content,
            headers={
                **dict(decided.fields),
                # Asked for again each time, and answered with 304: a new release shows at once.
                hdrs.CACHE_CONTROL: "no-cache",
                "X-Content-Type-Options": "nosniff",
            },
        )
