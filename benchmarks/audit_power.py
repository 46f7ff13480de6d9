"""What the shortcut audit sees: false alarms, planted artefacts and their repair, real authors; and what it costs.

    python benchmarks/audit_power.py [--parts null,power,authors,size] [--draws N] [--jobs N] [--quick] [--json FILE]

null     Data in which nothing is to be found beyond the control. Each row is a test at a nominal 5%: for a family, of
         the excess over the control, and of the accuracy against swaps; for the audit as a whole, whether any family
         has an excess after Holm's correction, a marker is named, or the verdict is `marker` or `diffuse`.
power    Eight artefacts, planted in the chosen texts of a share of the prompts of 804 real pairs. `found`: named by a
         marker or an artefact feature; `first`: by the first marker, or the first feature where there is none. Then
         `errata clean` without a teacher: `innocent` are rows that nothing was planted in, `rid` is the share of planted
         rows that are dropped, or have lost four fifths of what was planted. Shares of rows are means over the seeds,
         `worst` is the largest. `signals moved`: error signals of kept pairs that a repair added or took out.
         `detectable`: the smallest share that the audit says it can detect.
authors  Right texts of one model against wrong ones of another, and each model's own right texts against its wrong ones.
         `matched` is the accuracy on 240 prompts of each set. Own pairs have two problems, the others one.
size     60,000 pairs, texts of real pairs with names and nouns exchanged at random, audited by a child process.

Everything is drawn from seeds. Without the data in ../shared/data all parts are skipped.
"""

from __future__ import annotations

import itertools
import json
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import mean
from typing import Any

from helpers.size_bench import measure_size
from report import describe_environment, make_parser, make_target, report

Row = dict[str, Any]
Task = tuple[Any, ...]

PREVALENCES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
FROM = 0.05
"""Prevalence from which on lexical artefacts must be found."""
BLOCK = 10
"""Draws of one task."""


def main() -> None:
    parser = make_parser(__doc__ or "")
    parser.add_argument("--parts", default="null,power,authors,size", help="names with commas between")
    parser.add_argument("--draws", type=int, help="draws of each null case (200; quick: 10)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes, each on its share of cores")
    args = parser.parse_args()
