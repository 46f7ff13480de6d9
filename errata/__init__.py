"""Errata turns a model's own mistakes into better models: the front door to `pipeline` and `trainer`."""

from importlib.util import find_spec
from pathlib import Path

__version__ = "0.1.0"

for _name in ("pipeline", "trainer"):
    _spec = find_spec(_name)
    _found = Path(_spec.origin).resolve().parent if _spec is not None and _spec.origin else None
    if _found is None or _found.parent != Path(__file__).resolve().parent.parent:
        raise ImportError(
            f"the package `{_name}` that Python finds is {_found or 'none'}, not the one that came with errata; "
            f"another distribution of this name, or a folder {_name}/ where you are, stands before it: take it away"
        )
