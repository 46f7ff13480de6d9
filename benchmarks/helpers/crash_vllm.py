"""Builds whose student is a vLLM that Errata has started: its parts are killed one after the other.

The student answers greedily. What the teacher is asked stands on the witness's account; what vLLM is asked costs
nothing and is asked again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.helpers.crash_builds import AT_ONCE, ROOT, endpoint, make_settings

PYTHON = ROOT / ".venv-vllm" / "bin" / "python"
"""The interpreter of the environment that `make vllm` makes."""
TARGETS = ("engine", "server", "watchdog", "parent")


def vllm_settings(url: str, problems: Path, **sections: Any) -> dict[str, Any]:
    """A build with the demo's student behind vLLM's CPU build, in full precision."""
    student = {
        "engine": "vllm",
        "model": str(ROOT / "errata" / "demo" / "student"),
        "python": str(PYTHON),
        "max_model_len": 256,
        "dtype": "float32",
        "extra_args": ["--enforce-eager"],
        "environment": {"VLLM_CPU_KVCACHE_SPACE": "1"},
        "max_concurrency": 64,
    }
    told = {
        "student": student,
        "teachers": {"teacher": endpoint(url, "teacher", AT_ONCE)},
        "sample": {"n": 1, "params": {"temperature": 0.0, "max_tokens": 96}},
        "pair": {"views": ["direct", "revise"]},
    }
    return make_settings(url, problems, **{**told, **sections})
