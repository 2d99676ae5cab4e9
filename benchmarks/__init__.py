"""Figures, as ratios taken in one run; never timed tests. `make bench` runs them all; docs/benchmarks.md keeps them."""
