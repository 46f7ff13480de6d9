"""A second, independent reading: math-verify (sympy), run in a worker process that can be killed."""

from __future__ import annotations

import logging
from typing import Literal


def verify(gold: str, answer: str) -> tuple[Literal["same", "different", "unread"], str]:
    """Compare two final answers with math-verify, in both orders (its `verify` is not symmetric)."""
    logging.getLogger("math_verify").setLevel(logging.ERROR)  # its time limits are off on purpose: ours are hard
    import math_verify
    import sympy

    def read(text: str) -> list[object]:
        return math_verify.parse(f"\\boxed{{{text}}}", parsing_timeout=None, raise_on_error=True)  # type: ignore[no-any-return]

    sides = [read(gold), read(answer)]
    for side, text in zip(sides, (gold, answer), strict=True):
        if not any(isinstance(part, (sympy.Basic, sympy.MatrixBase)) for part in side):
            return "unread", f"math-verify cannot read {text[:80]!r}"
    same = [math_verify.verify(*order, timeout_seconds=None, raise_on_error=True) for order in (sides, sides[::-1])]
    if all(same):
        return "same", "math-verify: equivalent"
    if any(same):
        return "unread", "math-verify: equivalent in one order only"
    return "different", "math-verify: not equivalent"
