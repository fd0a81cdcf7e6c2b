"""How fast the spine is: `make bench` runs `python -m tests.benchmarks.spine`."""
