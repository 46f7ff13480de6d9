"""Files that are whole or not there, and a disk that is full."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from accelerate.utils import broadcast_object_list, gather_object
from torch.distributed.checkpoint.api import CheckpointException

from trainer.errors import NotSaved, TrainerError, TrainingInputError

Made = TypeVar("Made")
REFUSALS = {errno.ENOSPC: "no space left", errno.EDQUOT: "quota exceeded"}
"""What passes once there is room: by the number that the system gives it, in words."""


def find_refusal(error: BaseException) -> str | None:
    """Why the disk refused, wherever a library hides it; None for any other error."""
    if isinstance(error, CheckpointException):
        return next(filter(None, (find_refusal(one) for one, _ in error.failures.values())), None)
    if isinstance(error, OSError) and error.errno in REFUSALS:
        return REFUSALS[error.errno]
    if getattr(error, "sqlite_errorname", None) == "SQLITE_FULL":
        return REFUSALS[errno.ENOSPC]
    text = str(error)  # safetensors tells the system's number in words alone
    return next((told for number, told in REFUSALS.items() if f"os error {number})" in text), None)


@contextmanager
def told_of(what: str, advice: Callable[[], str]) -> Iterator[None]:
    """Turn a disk's refusal into NotSaved with what was to be written, and what to do."""
    try:
        yield
    except (Exception, CheckpointException) as error:
        refusal = None if isinstance(error, NotSaved) else find_refusal(error)
        if refusal is None:
            raise
        raise NotSaved(f"{what} was not written: {refusal}; {advice()}") from error


def on_main(is_main: bool, action: Callable[[], Made]) -> Made:
    """Do something in the main process alone; all wait for it, and all get what it returns.

    Where it fails, it fails in all of them: in the others with an error that names the main one's.
    """
    made: Any = None
    failed: Exception | None = None
    if is_main:
        try:
            made = action()
        except Exception as error:
            failed = error
    made, told = broadcast_object_list([made, None if failed is None else _retell(failed)])
    if failed is not None:
        raise failed
    if told is not None:
        raise told
    return made  # type: ignore[no-any-return]


def _retell(error: Exception) -> Exception:
    """An error of the main process as the others raise it: of a kind that can be sent to them."""
    refusal = find_refusal(error)
    if isinstance(error, TrainerError):
        return type(error)(str(error))
    if refusal is not None:
        return OSError(next(number for number, words in REFUSALS.items() if words == refusal), refusal)
    if isinstance(error, OSError) and error.filename is not None:
        return OSError(error.errno, error.strerror, str(error.filename))
    return RuntimeError(f"the main process failed: {type(error).__name__}: {error}")


def write_json(path: Path, value: Any) -> None:
    """Write and sync a JSON file."""
    with path.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def read_json(path: Path) -> Any:
    """The content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def check_seen_by_all(folder: Path, is_main: bool, patience: float = 30.0) -> None:
    """Raise TrainingInputError where a folder is not on storage that all processes see, within some seconds."""
    mark = folder / f".seen-{os.environ.get('TORCHELASTIC_RUN_ID', '')}-{os.environ.get('MASTER_PORT', '')}"

    def make() -> None:
        folder.mkdir(parents=True, exist_ok=True)
        mark.touch()

    on_main(is_main, make)
    blind = find_blind(mark.exists, patience)
    on_main(is_main, lambda: mark.unlink(missing_ok=True))
    if blind:
        raise TrainingInputError(
            f"output_dir {folder} is not seen by processes {blind}: several machines save to storage that all of them "
            "share; or take save_strategy='no'"
        )


def find_blind(sees: Callable[[], bool], patience: float = 30.0) -> list[int]:
    """The processes that do not see something within some seconds: several machines' caches may lag behind."""
    until = time.monotonic() + patience
    while not (seen := sees()) and time.monotonic() < until:
        time.sleep(0.2)
    return [rank for rank, sees_it in enumerate(gather_object([seen])) if not sees_it]


def move_model(fresh: Path, folder: Path) -> None:
    """Move a model's files, once they lie on the disk, over those of another one; config.json comes last.

    Weights of the other one under further names are removed, so that nobody loads the two together.
    """
    sync_folder(fresh)
    names = sorted((path.name for path in fresh.iterdir()), key=lambda name: name == "config.json")
    for old in [*folder.glob("model*.safetensors*"), *folder.glob("adapter_model*.safetensors*")]:
        if old.name not in names:
            old.unlink()
    for name in names:
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)
        (fresh / name).replace(folder / name)
    fresh.rmdir()
    sync(folder)


def sync_folder(folder: Path) -> None:
    """Make all files of a folder, and its list of names, last."""
    for path in [*folder.rglob("*"), folder]:
        sync(path)


def sync(path: Path) -> None:
    """Make a file, or a folder's list of names, last."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
