"""Tests against a Bot API emulator that we did not write."""
