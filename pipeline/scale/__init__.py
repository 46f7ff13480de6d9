"""Building on several machines: the stages of a run in Ray Data actors (docs/scale.md). Ray is imported late."""
