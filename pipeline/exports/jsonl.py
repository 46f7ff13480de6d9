"""JSON lines of any kind, one file a split, with all that is known of a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pipeline.exports.base import FileType, TargetSettings
from pipeline.preferences import Form


class Settings(TargetSettings):
    """Conversations as lists of {role, content}, or plain strings."""

    to: Literal["jsonl"] = "jsonl"

    files: ClassVar[FileType] = "jsonl"

    def usage(self, form: Form, splits: Mapping[str, int]) -> list[str]:
        return [
            "One JSON object a line. `python -m trainer --dataset` takes a file; `datasets.load_dataset` takes the",
            "folder, whose card names the types of columns that may be null.",
        ]
