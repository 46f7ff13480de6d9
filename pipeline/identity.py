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

    Raises ConfigError when a hub id has no local copy.
    """
    folder = Path(model)
    if not folder.is_dir():
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError

        try:
            folder = Path(snapshot_download(model, local_files_only=True))
        except LocalEntryNotFoundError as error:
            raise ConfigError(f"model {model}: is neither a folder nor a downloaded hub model") from error
    digest = hashlib.sha256()
    for path in sorted({path for pattern in CONTENT for path in folder.glob(pattern)}):
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
