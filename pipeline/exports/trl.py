"""TRL: Parquet shards for DPOTrainer, RewardTrainer, SFTTrainer and KTOTrainer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pipeline.exports.base import TargetSettings
from pipeline.kinds import Kind
from pipeline.preferences import Form

TRAINERS = {"pairs": "DPOTrainer, RewardTrainer", "sft": "SFTTrainer", "unpaired": "KTOTrainer"}


class Settings(TargetSettings):
    """Columns as TRL names them."""

    to: Literal["trl"] = "trl"

    takes: ClassVar[tuple[Kind, ...]] = ("pairs", "sft", "unpaired")

    def usage(self, form: Form, splits: Mapping[str, int]) -> list[str]:
        note = ["", "KTOTrainer reads the rows in this order: neighbours are of different prompts."]
        return [
            f"For TRL's {TRAINERS[self.kind]}:",
            "",
            "```python",
            "from datasets import load_dataset",
            "",
            'rows = load_dataset("PATH")  # this folder, or its name on the hub',
            "```",
            *(note if self.kind == "unpaired" else []),
        ]
