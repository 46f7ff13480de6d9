"""A wall clock that jumps: Python imports this before anything else where the folder stands first on its path.

`time.time` is years off, forwards or backwards, and by how much changes at one call in ten; monotonic clocks run on as
they should.
"""

import random
import time

YEARS = 3 * 365 * 86400.0
_draw = random.Random()  # another clock in every process, as after a kill
_true = time.time
_off = 0.0


def _jump() -> float:
    global _off
    if _draw.random() < 0.1:
        _off = _draw.uniform(-YEARS, YEARS)
    return _true() + _off


time.time = _jump
time.time_ns = lambda: int(_jump() * 1e9)
