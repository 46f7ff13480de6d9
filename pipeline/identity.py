"""What a local model is, by content: retrained in the same folder it is another model, moved it is the same."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pipeline.errors import ConfigError

CONTENT = (
    "*.safetensors",
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "chat_template*",
    "adapter_config.json",
)
"""Files of a model folder that decide what it writes."""


def model_identity(model: str) -> str:
    """SHA-256 (16 hex digits) over the names and bytes of weights, configuration, tokenizer and chat template.

    A hub model that is not on this machine yet is downloaded. Raises ConfigError when there is no such model.
    """
    folder = Path(model)
    if not folder.is_dir():
        from huggingface_hub import snapshot_download

        try:
            folder = Path(snapshot_download(model, allow_patterns=list(CONTENT)))
        except (OSError, ValueError) as error:  # the hub's errors are both
            raise ConfigError(f"model {model}: is neither a folder nor a model of the hub: {error}") from error
    digest = hashlib.sha256()
    for path in sorted({path for pattern in CONTENT for path in folder.glob(pattern)}):
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
