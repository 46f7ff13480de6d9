"""Checkpoints on disk: whole or not there, of safetensors and JSON alone, for any number of processes.

    checkpoint-20/
    ├── *.safetensors         weights; those of an unsharded model as `from_pretrained` reads them
    ├── config.json …         the model's and the tokenizer's own files
    ├── weights/              a LoRA's weights, instead of those above; beside them is the adapter as PEFT reads it
    ├── optimizer/            its tensors, by the names of the weights
    ├── state.json            its other values, scheduler, random numbers, the data's order, what training began with
    ├── trainer_state.json    transformers' own
    └── files.json            written last: the size of every other file

Everything is written into `.checkpoint-20.tmp`, synced, and moved. So a folder with the final name is whole, unless
somebody cut it afterwards, which files.json shows. Every process writes the parts that it holds, and reads those that
it needs, whoever wrote them. Nothing is unpickled: torch's own format of sharded checkpoints is a pickle, this is not.
"""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from trainer.disk import find_refusal, read_json, sync, sync_folder, write_json
from trainer.errors import TrainingInputError

log = logging.getLogger(__name__)

NAME = re.compile(r"checkpoint-(\d+)")
STATE, TRAINER_STATE, FILES = "state.json", "trainer_state.json", "files.json"
WEIGHTS, OPTIMIZER = "weights", "optimizer"
FILE_BYTES = 1 << 30
"""Of tensors in one file, which is built in memory before it is written."""


def newest_checkpoint(output: Path) -> Path | None:
    """The newest whole checkpoint of an output folder. What is passed over is logged with the reason."""
    numbered = {int(found[1]): path for path in output.glob("*") if (found := NAME.fullmatch(path.name))}
    for _, folder in sorted(numbered.items(), reverse=True):
        flaw = find_flaw(folder)
        if flaw is None:
            return folder
        log.warning("%s is passed over: %s", folder, flaw)
    return None


def choose_checkpoint(wanted: Any, output: Path) -> tuple[str, str] | None:
    """The folder to resume from, and a hash of its state.json; None where "last" finds none.

    `wanted`: a folder, or True or "last" for the newest whole one. Raises TrainingInputError where it cannot be had.
    """
    if wanted is True or wanted == "last":
        folder = newest_checkpoint(output)
        if folder is None and wanted == "last":
            return None
        if folder is None:
            raise TrainingInputError(f"{output} holds no whole checkpoint to go on from")
    else:
        folder = Path(wanted)
        if (flaw := find_flaw(folder)) is not None:
            raise TrainingInputError(f"{folder} cannot be resumed: {flaw}")
    return str(folder), str(hash_state(folder))


def hash_state(folder: Path) -> str | None:
    """Hash of a checkpoint's state.json; None where it is not seen."""
    try:
        return hashlib.sha256((folder / STATE).read_bytes()).hexdigest()
    except OSError:
        return None


def find_flaw(folder: Path) -> str | None:
    """Why nothing can be resumed from a folder; None for a whole checkpoint."""
    if not folder.is_dir():
        return "there is no such folder"
    if not (folder / FILES).is_file():
        return f"it has no {FILES}: it is not a checkpoint of this trainer, or was cut off"
    try:
        sizes: dict[str, int] = read_json(folder / FILES)
        for name, size in sizes.items():
            path = folder / name
            if ".." in path.parts or not path.is_relative_to(folder):
                return f"{FILES} names {name!r}, which lies outside"
            if not path.is_file():
                return f"{name} is missing"
            if path.stat().st_size != size:
                return f"{name} has {path.stat().st_size} bytes, not {size}"
    except (ValueError, AttributeError, OSError) as error:
        return f"{FILES} cannot be read: {error}"
    return next((f"{name} is missing" for name in (STATE, TRAINER_STATE) if name not in sizes), None)


def begin(output: Path, fresh: Path) -> None:
    """Make an empty folder to write a checkpoint into; what an earlier process left of one is removed."""
    for left in output.glob(".checkpoint-*.tmp"):
        shutil.rmtree(left)
    fresh.mkdir(parents=True)


def finish(fresh: Path, final: Path) -> None:
    """Give a checkpoint that was written its name, once all of it lies on the disk."""
    files = sorted(path for path in fresh.rglob("*") if path.is_file())
    write_json(fresh / FILES, {str(path.relative_to(fresh)): path.stat().st_size for path in files})
    sync_folder(fresh)
    if final.exists():
        shutil.rmtree(final)
    fresh.rename(final)
    sync(final.parent)


def write_tensors(folder: Path, tensors: Mapping[str, torch.Tensor], *, together: bool) -> None:
    """Write tensors as safetensors: all processes what each holds, or the calling one alone all of them.

    What several processes hold alike is written once. Raises OSError where the disk refuses.
    """
    folder.mkdir(exist_ok=True)
    if not tensors:
        return
    numbers = _share_files(tensors, together)
    writer = HuggingFaceStorageWriter(str(folder), fqn_to_index_mapping=numbers, save_distributed=together)
    with _plain_errors(folder):
        save(dict(tensors), storage_writer=writer, no_dist=not together)


def read_tensors(folder: Path, into: Mapping[str, torch.Tensor], *, together: bool) -> None:
    """Fill tensors, or this process's parts of them, from the files of a folder, by name.

    Raises TrainingInputError where one is missing or has another shape.
    """
    if not into:
        return
    with _plain_errors(folder):
        load(dict(into), storage_reader=HuggingFaceStorageReader(str(folder)), no_dist=not together)


def list_tensors(folder: Path) -> dict[str, tuple[torch.Size, torch.dtype]]:
    """Shape and type of each tensor in the files of a folder."""
    held = HuggingFaceStorageReader(str(folder)).read_metadata().state_dict_metadata.items()
    return {n: (about.size, about.properties.dtype) for n, about in held if isinstance(about, TensorStorageMetadata)}


def _share_files(tensors: Mapping[str, torch.Tensor], together: bool) -> dict[str, int]:
    """The number of the file that each tensor goes into, from 1."""
    room = FILE_BYTES * (dist.get_world_size() if together else 1)
    number, filled = 1, 0
    numbers = {}
    for name, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size()
        if filled and filled + size > room:
            number, filled = number + 1, 0
        numbers[name] = number
        filled += size
    return numbers


@contextmanager
def _plain_errors(folder: Path) -> Iterator[None]:
    """What went wrong in torch's checkpoints, or Ctrl-C in them, as itself; it wraps all and everything.

    What a checkpoint does not have, or has in another shape, is a TrainingInputError. It also warns of being asked to
    work in one process.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    except CheckpointException as error:
        first: Any = next(iter(error.failures.values()))[0]
        refused = next((one for one, _ in error.failures.values() if find_refusal(one)), None)
        if isinstance(first, RuntimeError | ValueError | KeyError) and refused is None:
            raise TrainingInputError(f"{folder} does not fit this training: {first}") from error
        raise (refused or first) from error
