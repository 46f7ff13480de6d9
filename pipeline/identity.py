"""What a local model is, by content: retrained in the same folder it is another model, moved it is the same."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

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
CODE = "**/*.py"


def model_identity(model: str, *, code: bool = False) -> str:
    """SHA-256 (16 hex digits) over the names and bytes of weights, configuration, tokenizer and chat template.

    `code`: whether its Python files are run, and count too; those of another repository that its configuration names
    (`org/other--module.Class`) do not. A hub model that is not on this machine yet is downloaded.
    Raises ConfigError when there is no such model.
    """
    folder, content = Path(model), [*CONTENT, *([CODE] if code else [])]
    if not folder.is_dir():
        from huggingface_hub import snapshot_download

        try:
            folder = Path(snapshot_download(model, allow_patterns=[*CONTENT, *(["*.py"] if code else [])]))
        except (OSError, ValueError) as error:  # the hub's errors are both
            raise ConfigError(f"model {model}: is neither a folder nor a model of the hub: {error}") from error
    digest = hashlib.sha256()
    for path in sorted({path for pattern in content for path in folder.glob(pattern)}):
        with path.open("rb") as file:
            digest.update(path.relative_to(folder).as_posix().encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def check_model(model: str, chat_template: bool = True) -> None:
    """Raises ConfigError for a path that is no model folder, or a folder that lacks something; hub ids pass."""
    folder = Path(model)
    if folder.is_dir():
        check_folder(folder, chat_template)
    elif folder.is_absolute() or model.startswith(".") or model.count("/") > 1:
        raise ConfigError(f"model {model}: there is no such folder")


def check_folder(folder: Path, chat_template: bool = True) -> None:
    """Raises ConfigError for a model folder without configuration, weights, tokenizer or chat template."""
    if not (folder / "config.json").is_file():
        raise ConfigError(f"model {folder}: has no config.json; is it a model folder saved with save_pretrained?")
    if not any(folder.glob("*.safetensors")):
        raise ConfigError(f"model {folder}: has no *.safetensors weights; save it with save_pretrained")
    described = folder / "tokenizer_config.json"
    if not described.is_file():
        raise ConfigError(f"model {folder}: has no tokenizer; save one there with tokenizer.save_pretrained")
    inline = "chat_template" in read_json_object(described)
    if chat_template and not inline and not (folder / "chat_template.jinja").is_file():
        raise ConfigError(
            f"model {folder}: its tokenizer has no chat template; add a chat_template.jinja to the folder"
        )


def read_json_object(file: Path) -> dict[str, Any]:
    """The object in a JSON file of a model's folder. Raises ConfigError, naming the file, where there is none."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: cannot be read as JSON: {error}") from error
    if not isinstance(told, dict):
        raise ConfigError(f"{file}: must hold a JSON object, not {type(told).__name__}; save the model there again")
    return told


def file_hash(path: str | Path) -> str:
    """SHA-256 (16 hex digits) of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
