"""OpenRLHF: JSON lines for train_dpo, train_rm and train_sft, and for the train_kto of releases up to 0.9.5."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pipeline.exports.base import FileType, TargetSettings
from pipeline.kinds import Kind
from pipeline.preferences import Form

KEYS = {"sft": {"prompt": "input", "completion": "output"}}
KEYS["unpaired"] = {**KEYS["sft"], "label": "label"}
KEYS["pairs"] = {name: name for name in ("prompt", "chosen", "rejected")}


class Settings(TargetSettings):
    """Lists of messages, which its loaders join and put through the chat template; or plain strings."""

    to: Literal["openrlhf"] = "openrlhf"

    takes: ClassVar[tuple[Kind, ...]] = ("pairs", "sft", "unpaired")
    files: ClassVar[FileType] = "jsonl"
    texts_only: ClassVar[bool] = True

    def convert(self, row: dict[str, Any]) -> dict[str, Any]:
        return {key: row[name] for name, key in KEYS[self.kind].items()}

    def usage(self, form: Form, splits: Mapping[str, int]) -> list[str]:
        if self.kind == "unpaired":
            command = ["openrlhf.cli.train_kto --input_key input --output_key output --label_key label"]
            command += ["--dataset PATH/train.jsonl", *(["--apply_chat_template"] if form == "conversation" else [])]
            about = "OpenRLHF had a KTO trainer up to release 0.9.5, which reads this:"
        else:
            keys = (
                "--data.input_key input --data.output_key output" if self.kind == "sft" else "--data.prompt_key prompt"
            )
            trainer = "train_sft" if self.kind == "sft" else "train_dpo"
            template = "--data.apply_chat_template" if form == "conversation" else "--data.input_template '{}'"
            command = [f"openrlhf.cli.{trainer} {keys} {template}", "--data.dataset PATH/train.jsonl"]
            if "validation" in splits:
                command.append("--eval.dataset PATH/validation.jsonl --eval.split train")
            about = "For OpenRLHF, with the options of release 0.11 (before 0.10.2 they have no `data.`):"
        return [about, "", "```", " \\\n    ".join(command), "```"]
