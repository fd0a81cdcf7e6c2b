"""Mutated updates and requests against the real dispatcher, database and HTTP application."""
