"""Benchmarks: `python -m bench` (CPU or CUDA); results under bench/results, tables in README."""
