"""Tests that take minutes: `make test-long`, before a release and after a change to what they test."""
