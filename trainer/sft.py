"""SFTTrainer: supervised training on texts, on the same core as preference training."""

from __future__ import annotations

from trainer.core import CoreTrainer


class SFTTrainer(CoreTrainer):
    """Rows hold `prompt` and `completion` (or `chosen`), or `messages` whose last turn is learned; see CoreTrainer.

    The loss of a step is the mean over its examples of each text's mean NLL. Give it an SFTConfig.
    """

    form = "supervised"
