"""Files that try to make whoever opens them read another file or call somebody."""

import base64
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.unit.ingest.crafting import box, changed

HLS_HEAD: Final = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n"


def playlist(*uris: str, tags: str = "") -> bytes:
    """An HLS playlist of ``uris``."""
    lines = "".join(f"#EXTINF:2,\n{uri}\n" for uri in uris)
    return f"{HLS_HEAD}{tags}{lines}#EXT-X-ENDLIST\n".encode()


def texts(secret: Path, port: int) -> Iterator[tuple[str, bytes]]:
    """Playlists and scripts of every kind that FFmpeg knows, and some that it does not."""
    web, path = f"http://127.0.0.1:{port}/a.ts", str(secret)
    for name, uri in {
        "absolute": path,
        "relative": secret.name,
        "file": f"file://{path}",
        "http": web,
        "https": web.replace("http:", "https:"),
        "tcp": f"tcp://127.0.0.1:{port}",
        "udp": f"udp://127.0.0.1:{port}",
        "rtp": f"rtp://127.0.0.1:{port}",
        "ftp": f"ftp://127.0.0.1:{port}/a",
        "concat": f"concat:{web}|file:{path}",
        "subfile": f"subfile,,start,0,end,1000,,:{path}",
        "crypto": f"crypto+file:{path}",
        "cache": f"cache:file:{path}",
        "async": f"async:file:{path}",
        "data": "data:video/mp2t;base64," + base64.b64encode(playlist(path)).decode(),
        "gopher": f"gopher://127.0.0.1:{port}/_a",
    }.items():
        yield f"hls-{name}", playlist(uri)
    yield "hls-master", f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{web}\n".encode()
    yield "hls-key", playlist(path, tags=f'#EXT-X-KEY:METHOD=AES-128,URI="{web}"\n')
    yield "hls-map", playlist(path, tags=f'#EXT-X-MAP:URI="file://{path}"\n')
    yield "hls-after-bom", b"\xef\xbb\xbf" + playlist(path)
    yield "hls-after-id3", b"ID3\x04\0\0\0\0\0\0" + playlist(path)
    yield "hls-behind-a-packet", (b"G" + bytes(187)) * 5 + playlist(path)
    yield "concat-file", f"ffconcat version 1.0\nfile '{path}'\n".encode()
    yield "concat-http", f"ffconcat version 1.0\nfile '{web}'\nduration 2\n".encode()
    yield "concat-option", f"ffconcat version 1.0\nfile {path}\noption safe 0\n".encode()
    yield (
        "dash",
        (
            '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
            'mediaPresentationDuration="PT2S" profiles="urn:mpeg:dash:profile:isoff-live:2011">'
            '<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1">'
            f"<BaseURL>{web}</BaseURL></Representation></AdaptationSet></Period></MPD>"
        ).encode(),
    )
    yield (
        "dash-file",
        (
            '<MPD type="static" mediaPresentationDuration="PT2S"><Period><AdaptationSet>'
            f'<Representation mimeType="video/mp4"><BaseURL>file://{path}</BaseURL>'
            '<SegmentList><SegmentURL media="a"/></SegmentList></Representation></AdaptationSet>'
            "</Period></MPD>"
        ).encode(),
    )
    yield (
        "sdp",
        (
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=video {port} RTP/AVP 33\r\n"
        ).encode(),
    )
    yield (
        "xspf",
        (
            '<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList>'
            f"<track><location>file://{path}</location></track></trackList></playlist>"
        ).encode(),
    )
    yield "asx", f'<asx version="3.0"><entry><ref href="{web}"/></entry></asx>'.encode()
    yield "asf-redirector", f"[Reference]\r\nRef1={web}\r\nRef2={path}\r\n".encode()
    yield "pls", f"[playlist]\nFile1={web}\nLength1=-1\nNumberOfEntries=1\n".encode()
    yield "smil", f'<smil><body><video src="{web}"/></body></smil>'.encode()
    yield "smil-in-quicktime", f'SMILtext<smil><body><video src="{path}"/></body></smil>'.encode()
    yield "rtsp-in-quicktime", f"RTSPtextRTSP://127.0.0.1:{port}/a\r\n".encode()
    yield (
        "imf",
        (
            '<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3">'
            f"<Id>urn:uuid:0</Id><ContentTitle>{path}</ContentTitle></CompositionPlaylist>"
        ).encode(),
    )
    yield (
        "svg",
        (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'width="64" height="64"><image xlink:href="file://{path}" width="64"/></svg>'
        ).encode(),
    )
    yield "avisynth", f'FFVideoSource("{path}")\n'.encode()
    yield "vapoursynth", f"import vapoursynth\nopen({path!r}).read()\n".encode()
    yield "lavfi", f"movie={path}[out0]".encode()
    yield "metadata", f";FFMETADATA1\ntitle={path}\n".encode()
    yield "subrip", f"1\n00:00:00,000 --> 00:00:02,000\n{path}\n".encode()
    yield "webvtt", f"WEBVTT\n\n00:00.000 --> 00:02.000\n{web}\n".encode()
    yield (
        "ass",
        (
            "[Script Info]\nScriptType: v4.00+\n[Events]\nFormat: Start, End, Text\n"
            f"Dialogue: 0:00:00.00,0:00:02.00,{path}\n"
        ).encode(),
    )
    yield "ansi-art", b"\x1b[0;1;31;40m" + b"\xdb\xb2\xb1\xb0" * 200 + f"\r\n{path}\x1a".encode()
    yield "dvd-ifo", b"DVDVIDEO-VMG" + bytes(2036) + path.encode()
    yield "shell", f"#!/bin/sh\ncat {path} | nc 127.0.0.1 {port}\n".encode()


DREF: Final = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref")


def references(movie: bytes, secret: Path, port: int) -> Iterator[tuple[str, bytes]]:
    """MOV files whose samples are said to be elsewhere; ``movie`` has its index at the end."""
    path = str(secret).encode()
    for name, target in {
        "file": b"file://" + path,
        "path": path,
        "relative": secret.name.encode(),
        "http": f"http://127.0.0.1:{port}/a".encode(),
    }.items():
        for kind in (b"url ", b"urn "):
            entry = box(kind, bytes(4), target + b"\0")
            yield f"mov-{kind.decode().strip()}-{name}", changed(movie, DREF, _references(entry))
    where = struct.pack(">HH", 2, len(path)) + path + b"\0" * (len(path) % 2)
    relative = struct.pack(">HH", 0, 0) + where + struct.pack(">HH", 0xFFFF, 0)
    alias = bytes(10) + b"\4disk".ljust(28, b"\0") + bytes(12)
    alias += bytes([len(secret.name)]) + secret.name.encode().ljust(63, b"\0") + bytes(16)
    alias += struct.pack(">hh", 1, 1) + bytes(16) + relative
    yield "mov-alias", changed(movie, DREF, _references(box(b"alis", bytes(4), alias)))
    descriptor = box(b"rmra", box(b"rmda", box(b"rdrf", bytes(4) + b"url ", bytes(4) + path)))
    yield "mov-reference-movie", movie + box(b"moov", descriptor)
    yield "mov-only-a-reference", box(b"ftyp", b"qt  ", bytes(4)) + box(b"moov", descriptor)


def _references(entry: bytes) -> bytes:
    return bytes(4) + struct.pack(">I", 1) + entry
