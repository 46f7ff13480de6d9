"""Errata turns a model's own mistakes into better models: the front door to `pipeline` and `trainer`."""

__version__ = "0.1.0"
