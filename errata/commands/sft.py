"""Train the student on single texts: the chosen ones of a run, or those of a file.

The result is in the run's folder sft/; to go on from it with preferences, set train.model to that folder.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from errata.commands.train import TAKES_SETTINGS, add_arguments, train_and_tell

__all__ = ["TAKES_SETTINGS", "add_arguments", "run"]


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    from errata.training import train_supervised

    return train_and_tell(train_supervised, "texts", arguments, rest)
