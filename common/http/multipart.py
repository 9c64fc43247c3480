"""Several byte ranges as one content: multipart/byteranges (RFC 9110 §14.6, RFC 2046 §5.1)."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from common.http.ranges import ByteRange


@dataclass(frozen=True, slots=True)
class Multipart:
    """Parts of one representation, in the order in which they are sent."""

    ranges: tuple[ByteRange, ...]
    size: int
    """Bytes of the whole representation."""
    part_type: str
    """The content type of the representation, told with each part; empty when it is unknown."""
    boundary: str
    """What parts the parts: 1 to 70 letters and digits that are nowhere in them."""

    @property
    def content_type(self) -> str:
        """The Content-Type field of the response."""
        return f"multipart/byteranges; boundary={self.boundary}"

    @property
    def length(self) -> int:
        """Bytes of the content, the heads of the parts included."""
        return sum(len(p) if isinstance(p, bytes) else p.length for p in self.pieces())

    def pieces(self) -> Iterator[bytes | ByteRange]:
        """The content in its order: bytes as they are, and ranges of the representation."""
        kind = f"Content-Type: {self.part_type}\r\n" if self.part_type else ""
        before = ""
        for part in self.ranges:
            told = f"Content-Range: {part.content_range(self.size)}\r\n"
            head = f"{before}--{self.boundary}\r\n{kind}{told}\r\n"
            yield head.encode("latin-1", "replace")
            yield part
            before = "\r\n"
        yield f"{before}--{self.boundary}--\r\n".encode()


def derive_boundary(*facts: object) -> str:
    """A boundary that the same facts always give: pure code has no chance to draw one.

    Whoever writes the content can know it in advance only if the facts hold nothing that depends
    on the content. A reader that goes by the lengths in Content-Range is safe even then.
    """
    return hashlib.sha256(repr(facts).encode("utf-8", "replace")).hexdigest()[:32]
