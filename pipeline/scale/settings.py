"""How a build is spread over workers."""

from __future__ import annotations

from pydantic import Field

from pipeline.settings import Settings


class ScaleSettings(Settings):
    """Workers on a Ray cluster: how many, what each takes, and in what pieces the problems come to them."""

    workers: int | None = Field(default=None, ge=1)
    """Worker processes; by default as many as the cluster has room for."""
    cpus: float = Field(default=1.0, gt=0)
    """Processors that a worker takes."""
    gpus: float | None = Field(default=None, ge=0)
    """GPUs that a worker takes; by default what the models need that it serves or loads, where the cluster has any."""
    part: int = Field(default=50, ge=1)
    """Problems that a worker gets at once, and that are repeated when it dies; fewer where there are few, more where
    there would be over 5,000 parts."""
    parts_at_once: int | None = Field(default=None, ge=1)
    """Parts under way in a worker; by default enough to keep its engines busy."""
    silence: float = Field(default=600.0, ge=10)
    """Seconds without a word from a worker after which its process is ended and its parts are repeated."""
    share_limits: bool = True
    """Whether the limits of an endpoint (concurrency, requests and tokens a minute) are those of all workers together,
    and divided among them; false: each worker has them for itself."""
