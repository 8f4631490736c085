"""Trains the demo weights: tiny twins of the catalogue's models that draw named shapes.

Run by hand, never by a worker: each stage is `python -m training.<stage>` with `worker/` on the path.
"""
