"""Models and tokenizers from folders and the hub: weights as safetensors, and no code of theirs unless asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from trainer.errors import TrainingInputError

PICKLED = "; pickled weights are not read, save them as safetensors"


def load_model(name: str, dtype: str | torch.dtype, *, trust_remote_code: bool = False) -> Any:
    """A causal language model. Raises TrainingInputError where there is none, or none that may be loaded."""
    refuse_pickled_adapter(name)
    with _told(name):
        return AutoModelForCausalLM.from_pretrained(
            name, dtype=dtype, use_safetensors=True, trust_remote_code=trust_remote_code
        )


def load_tokenizer(name: str, *, trust_remote_code: bool = False) -> Any:
    """A model's tokenizer. Raises TrainingInputError as above."""
    with _told(name):
        return AutoTokenizer.from_pretrained(name, trust_remote_code=trust_remote_code)


def refuse_pickled_adapter(name: str) -> None:
    """Raise TrainingInputError for the folder of an adapter that libraries would unpickle, `weights_only` though."""
    folder = Path(name)
    if (folder / "adapter_config.json").is_file() and not (folder / "adapter_model.safetensors").is_file():
        raise TrainingInputError(f"{name} cannot be loaded: it has no adapter_model.safetensors{PICKLED}")


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        hint = PICKLED if "safetensors" in str(error) else ""
        raise TrainingInputError(f"{name} cannot be loaded: {error}{hint}") from error
