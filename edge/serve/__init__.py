"""Answering viewers."""
