"""HLS playlists: the model and its writer (RFC 8216, draft-pantos-hls-rfc8216bis)."""
