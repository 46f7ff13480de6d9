"""Settings that take any component of a folder, told apart by its name."""

from __future__ import annotations

from typing import Any

from pipeline.settings import one_of

AnyEngine: Any = one_of("engines", "engine")
AnyChecker: Any = one_of("checkers", "checker")
AnyRung: Any = one_of("rungs", "rung")
AnyCleanup: Any = one_of("cleanups", "cleanup")
AnyFilter: Any = one_of("filters", "filter")
