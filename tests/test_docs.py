"""The documents say what is so: their commands run, their settings load, their fields exist, their links lead somewhere.

Every command is run by a test, or marked as needing a GPU or a key (docs_commands.py); then its options are read.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from errata.config import ErrataSettings
from pipeline.loading import load_settings
from tests.docs_commands import (
    DOCUMENTS,
    MARKS,
    ROOT,
    RUN,
    Block,
    all_blocks,
    check_command,
    masked,
    read_blocks,
    run_command,
    run_script,
)
