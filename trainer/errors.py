"""What can go wrong in training, as a tree.

TrainerError
├── TrainingInputError     data, model, arguments or a checkpoint are not fit for this training: names the fix
├── ReferenceMismatch      policy and reference differ before the first update
├── NonFiniteLoss          the loss is infinite or not a number: names the rows of the step
└── NotSaved               the disk refused; what was written before is whole, and training goes on from there
"""

from __future__ import annotations

import unicodedata

SHOWN = "\n\t\u200c\u200d"
"""Line ends and tabs, and joiners, which are parts of words and of emoji."""


class TrainerError(Exception):
    """Base of every error that the trainer raises on purpose."""


class TrainingInputError(TrainerError, ValueError):
    """The data, the model, an argument or a checkpoint is not fit for this training."""


class ReferenceMismatch(TrainerError, RuntimeError):
    """At step 0 the policy is the reference, yet their log-probs differ."""


class NonFiniteLoss(TrainerError, ArithmeticError):
    """The loss of a step is infinite or not a number."""


class NotSaved(TrainerError, OSError):
    """A checkpoint or a model could not be written."""


def printable(text: str) -> str:
    r"""A text with an escape (`\x1b`, `\u202e`) in place of every character that a terminal obeys or does not show."""
    if text.isprintable():
        return text
    return "".join(mark if _is_shown(mark) else mark.encode("unicode_escape").decode() for mark in text)


def _is_shown(mark: str) -> bool:
    return mark.isprintable() or mark in SHOWN or unicodedata.category(mark) == "Zs"
