"""Tests of control_plane.steering."""
