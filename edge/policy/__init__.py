"""The edge's decisions. Pure."""
