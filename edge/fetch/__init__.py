"""Getting responses from upstream, once for all who wait."""
