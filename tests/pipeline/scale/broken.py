"""A student that the first process on the nodes of a cluster cannot load, as on a machine with a broken GPU."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.pipeline.scale.clusters import ON_NODES
from tests.pipeline.scale.lesson import ask_student

ask = ask_student

if ON_NODES in os.environ:
    first = Path(tempfile.gettempdir()) / f"errata-broken-{os.environ[ON_NODES]}"
    with suppress(FileExistsError), first.open("x") as out:
        out.write(str(os.getpid()))
    if first.read_text() == str(os.getpid()):
        raise RuntimeError("no GPU here")
