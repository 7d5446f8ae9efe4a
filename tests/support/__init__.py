"""Builders, fixed clocks and faults for the tests."""
