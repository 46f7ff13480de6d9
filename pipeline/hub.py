"""Folders to the hub of Hugging Face, through its own client."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.errors import ConfigError, StoppedEarly

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
FILES = ("*.parquet", "*.jsonl", "*.json", "README.md")
"""What an export consists of; what is left of an earlier one, such as further shards, is removed from the hub."""

RIGHTS = "does the token belong to someone who may write there?"


def check_push(repository: str) -> None:
    """Raises ConfigError for a name that is not ORG/NAME, where no token is found, or offline."""
    from huggingface_hub import constants, get_token

    if not NAME.fullmatch(repository):
        raise ConfigError(f"--push {repository!r} is not ORG/NAME")
    if constants.HF_HUB_OFFLINE:
        raise ConfigError("--push cannot reach the hub while HF_HUB_OFFLINE is set; unset it")
    if get_token() is None:
        raise ConfigError("--push needs a token that may write: set HF_TOKEN, or log in with `hf auth login`")


def push_folder(folder: Path, repository: str, *, private: bool, message: str) -> str:
    """Upload a folder as a data set, made where there is none; returns its address.

    Raises ConfigError where the hub refuses, also where `private` is asked for and the data set is public already;
    StoppedEarly where it cannot be reached or fails.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HTTPError
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    api = HfApi()
    try:
        url = str(api.create_repo(repository, repo_type="dataset", private=private or None, exist_ok=True))
        if private and not api.repo_info(repository, repo_type="dataset").private:
            raise ConfigError(f"{repository} exists and is public; make it private on the hub, or leave --private out")
        api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            repo_type="dataset",
            commit_message=message,
            delete_patterns=list(FILES),
        )
    except HfHubHTTPError as error:
        status = error.response.status_code
        told = error.server_message or str(error).strip().partition("\n")[0]
        if status in (401, 403):
            raise ConfigError(f"the hub refuses to write {repository} ({status}): {told}; {RIGHTS}") from error
        if status < 500 and status != 429:
            raise ConfigError(f"the hub refuses to write {repository} ({status}): {told}") from error
        raise _stopped(folder, f"the hub failed ({status}): {told}") from error
    except (HTTPError, OSError, RuntimeError) as error:  # hf_xet raises all three
        if isinstance(error, OSError) and error.filename is not None:
            raise
        if isinstance(error, PermissionError):
            raise ConfigError(f"the hub refuses to write {repository}: {error}; {RIGHTS}") from error
        raise _stopped(folder, f"the upload failed: {error}") from error
    return url


def _stopped(folder: Path, what: str) -> StoppedEarly:
    return StoppedEarly(f"{what}; {folder} is written, run the same command again to upload it")
