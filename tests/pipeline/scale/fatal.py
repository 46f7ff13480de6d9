"""A student that ends its process where it is loaded on a node of a cluster."""

from __future__ import annotations

import os

from tests.pipeline.scale.clusters import ON_NODES
from tests.pipeline.scale.lesson import ask_student

ask = ask_student

if ON_NODES in os.environ:
    os._exit(7)
