"""LLaMA-Factory: JSON lines and the `dataset_info.json` that describes them; stages sft, dpo, rm and kto."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pipeline.exports.base import FileType, TargetSettings, pretty
from pipeline.kinds import Kind
from pipeline.preferences import Form

STAGES = {"pairs": "dpo", "sft": "sft", "unpaired": "kto"}
TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "observation_tag": "observation",
    "function_tag": "function_call",
    "system_tag": "system",
}
"""Where tags are given, one that is left out has no default: without `system_tag` system prompts would be refused."""
TURNS = "rows with turns that LLaMA-Factory skips (user and assistant must alternate; one answer)"


class Settings(TargetSettings):
    """Conversations in its `sharegpt` form, with the roles' names of chat templates; strings in its `alpaca` form."""

    to: Literal["llama_factory"] = "llama_factory"

    takes: ClassVar[tuple[Kind, ...]] = ("pairs", "sft", "unpaired")
    files: ClassVar[FileType] = "jsonl"
    texts_only: ClassVar[bool] = True

    def objection(self, row: Mapping[str, Any]) -> str | None:
        if isinstance(row["prompt"], str):
            return None
        roles = [turn["role"] for turn in row["prompt"]]
        asked = roles[1:] if roles[0] == "system" else roles
        alternate = all(role == ("user", "assistant")[i % 2] for i, role in enumerate(asked))
        answers = [row[name] for name in ("chosen", "rejected", "completion") if name in row]
        single = all([turn["role"] for turn in answer] == ["assistant"] for answer in answers)
        return None if alternate and len(asked) % 2 == 1 and single else TURNS

    def convert(self, row: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any]
        if isinstance(row["prompt"], str):
            made = {name: row[name] for name in ("prompt", "chosen", "rejected", "completion") if name in row}
        elif self.kind == "pairs":
            made = {"messages": row["prompt"], "chosen": row["chosen"][0], "rejected": row["rejected"][0]}
        else:
            made = {"messages": [*row["prompt"], *row["completion"]]}
        return made | ({"label": row["label"]} if self.kind == "unpaired" else {})

    def companions(self, form: Form, splits: Mapping[str, int]) -> Mapping[str, str]:
        columns = {"messages": "messages"} if form == "conversation" else {"prompt": "prompt"}
        if self.kind == "pairs":
            columns |= {"chosen": "chosen", "rejected": "rejected"}
        elif form == "text":
            columns["response"] = "completion"
        if self.kind == "unpaired":
            columns["kto_tag"] = "label"
        entry: dict[str, Any] = {"formatting": "sharegpt" if form == "conversation" else "alpaca"}
        entry |= {"ranking": self.kind == "pairs", "columns": columns}
        entry |= {"tags": TAGS} if form == "conversation" else {}
        entries = {self._entry(split): {"file_name": f"{split}.jsonl", **entry} for split in splits}
        return {"dataset_info.json": pretty(entries)}

    def usage(self, form: Form, splits: Mapping[str, int]) -> list[str]:
        sets = {"train": "dataset", "validation": "eval_dataset"}
        lines = [f"stage: {STAGES[self.kind]}", "dataset_dir: PATH"]
        lines += [f"{option}: {self._entry(split)}" for split, option in sets.items() if split in splits]
        if form == "conversation":
            lines.append("template: qwen3_nothink  # your model's")
        else:
            lines.append("template: empty  # strings as they are, but no end token; or your model's, which wraps them")
        if self.kind == "sft":
            lines.append("mask_history: true  # else answers within a prompt, wrong ones too, are learned as well")
        return ["For LLaMA-Factory:", "", "```yaml", *lines, "```"]

    def _entry(self, split: str) -> str:
        return f"errata_{self.kind}" + ("" if split == "train" else f"_{split}")
