"""Programs that measure; run them by hand, they are no part of the tests."""
