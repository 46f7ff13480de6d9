"""What can go wrong in training, as a tree.

TrainerError
├── TrainingInputError     data or model are not fit for training: names the row and the fix
├── ReferenceMismatch      policy and reference differ before the first update
└── NonFiniteLoss          the loss is infinite or not a number: names the rows of the step
"""

from __future__ import annotations


class TrainerError(Exception):
    """Base of every error that the trainer raises on purpose."""


class TrainingInputError(TrainerError, ValueError):
    """The data, the model or an argument is not fit for training."""


class ReferenceMismatch(TrainerError, RuntimeError):
    """At step 0 the policy is the reference, yet their log-probs differ."""


class NonFiniteLoss(TrainerError, ArithmeticError):
    """The loss of a step is infinite or not a number."""
