"""Makes a multivariant playlist of one asset one of another that has the same video."""

from collections.abc import Iterator

from common.hls import HERE, TITLE, ContentSteering, SessionData, quotable

TITLE_TAG = f'#EXT-X-SESSION-DATA:DATA-ID="{TITLE}",'
STEERING_TAG = "#EXT-X-CONTENT-STEERING:"


def renamed(text: str, *, title: str, steering: str | None) -> str:
    """The playlist ``text``, as written here, with another title and URI of steering.

    Raises:
        PlaylistInvalid: the URI is none.
    """
    return "\n".join(_lines(text, quotable(title), steering)) + "\n"


def _lines(text: str, title: str, steering: str | None) -> Iterator[str]:
    for line in text.splitlines():
        if line.startswith(TITLE_TAG):
            yield SessionData(TITLE, title).line()
        elif line.startswith(STEERING_TAG) and steering is not None:
            yield ContentSteering(steering, HERE).line()
        else:
            yield line
