"""Errata's pipeline: from problems to preference pairs. `load_run` shows a run as DataFrames, `build` makes one."""

from pipeline.frames import Run, load_run

__all__ = ["Run", "load_run"]
