"""Edge nodes: HTTP caches that serve viewers."""
