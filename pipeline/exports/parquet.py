"""Parquet shards of any kind, with all that is known of a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pipeline.exports.base import TargetSettings
from pipeline.preferences import Form


class Settings(TargetSettings):
    """Conversations as lists of {role, content}, or plain strings."""

    to: Literal["parquet"] = "parquet"

    def usage(self, form: Form, splits: Mapping[str, int]) -> list[str]:
        return ["`datasets.load_dataset` on this folder reads it, and so does `python -m trainer --dataset`."]
