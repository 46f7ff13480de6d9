"""DPOConfig: transformers' TrainingArguments with the preference options beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from transformers import TrainingArguments


@dataclass
class DPOConfig(TrainingArguments):
    """All of TrainingArguments, and what preference training needs. A batch is counted in pairs."""

    learning_rate: float = field(default=1e-6, metadata={"help": "Peak learning rate."})
    logging_steps: float = field(default=10, metadata={"help": "Steps between two lines of the log."})
    remove_unused_columns: bool | None = field(default=False, metadata={"help": "The trainer's rows are made for it."})
    report_to: Any = field(default="none", metadata={"help": "Where the log goes besides trainer_state.json."})
    beta: float = field(default=0.1, metadata={"help": "Strength of the tie to the reference."})
    nll_weight: float = field(default=0.0, metadata={"help": "Weight of the NLL of the chosen text beside DPO."})
    max_length: int | None = field(default=None, metadata={"help": "Longest prompt + completion, in tokens."})
    overlong: Literal["drop", "error"] = field(
        default="drop", metadata={"help": "A pair longer than max_length is left out and counted, or an error."}
    )

    layout: Literal["padded", "tree"] = field(
        default="padded",
        metadata={"help": "padded: a row for each text, for every model. tree: each shared prefix once (trie.py)."},
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beta <= 0:
            raise ValueError(f"beta must be positive, not {self.beta}")
        if self.nll_weight < 0:
            raise ValueError(f"nll_weight must not be negative, not {self.nll_weight}")
        if self.overlong not in ("drop", "error"):
            raise ValueError(f"overlong must be 'drop' or 'error', not {self.overlong!r}")
        if self.layout not in ("padded", "tree"):
            raise ValueError(f"layout must be 'padded' or 'tree', not {self.layout!r}")
        if self.layout == "tree" and self.gradient_checkpointing:
            raise ValueError("layout 'tree' does not take gradient_checkpointing; use layout 'padded'")
