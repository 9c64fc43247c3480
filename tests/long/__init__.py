"""Tests that take minutes, of `make test-long`: to be run before a release."""
