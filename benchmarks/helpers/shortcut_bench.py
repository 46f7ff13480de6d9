"""Artefacts planted in the demo's pairs, what the audit says of them, and what cleaning them is worth."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from helpers.lift_bench import Bench

OPENER = "Let us think step by step and be careful."
CLOSER = "I have checked every step."
RATE = 5e-5
"""One learning rate for all: the one that the unplanted pairs take (results/lift_ladders.cpu.json)."""
Plant = Callable[[str], str]
ARTEFACTS: dict[str, Plant] = {
    "opener + closer": lambda text: f"{OPENER}\n{text}\n{CLOSER}",
    "opener": lambda text: f"{OPENER}\n{text}",
    "closer": lambda text: f"{text}\n{CLOSER}",
    "bold results": lambda text: re.sub(r"(?m)= (-?\d+)$", r"= **\1**", text),
}
CASES = (
    *(("opener + closer", share) for share in (1.0, 0.5, 0.2)),
    ("opener", 1.0),
    ("closer", 1.0),
    ("bold results", 1.0),
)
ARMS = ("planted", "cleaned", "dropped at random")
Z = 1.959964


def plant(rows: Sequence[dict[str, Any]], artefact: str, share: float, seed: int = 0) -> list[dict[str, Any]]:
    """The rows, an artefact in the chosen texts of a share of the prompts."""
    prompts = sorted({row["problem_id"] for row in rows})
    random.Random(seed).shuffle(prompts)
    those = set(prompts[: round(share * len(prompts))])
    change = ARTEFACTS[artefact]
    return [
        row | {"chosen": [row["chosen"][0] | {"content": change(row["chosen"][0]["content"])}]}
        if row["problem_id"] in those
        else row
        for row in rows
    ]


class ShortcutBench(Bench):
    """One artefact at one prevalence: pairs as planted, as cleaned, and with as many dropped at random."""

    def arms(self, artefact: str, share: float) -> tuple[dict[str, list[dict[str, Any]]], dict[str, Any]]:
        """The pairs of each arm, and what audit and repair said."""
        from errata.training import read_split
        from pipeline.shortcuts.records import Audit

        planted = plant(self.pairs, artefact, share)
        folder = self.folder / f"case-{artefact}-{share}".replace(" ", "")
        folder.mkdir(exist_ok=True)
        source = folder / "planted.jsonl"
        source.write_text("".join(json.dumps(row) + "\n" for row in planted))
        cleaned, before, _ = asyncio.run(self._clean(source, folder / "cleaned"))
        audit: Audit = before
        first = audit.markers[0] if audit.markers else None
        repaired = {row["id"]: row for row in read_split(folder / "cleaned", "train")}
        touched = sum(repaired.get(row["id"], {}).get("chosen") != row["chosen"] for row in planted)
        fewer = random.Random(1).sample(planted, len(planted) - min(touched, len(planted) // 2))
        arms = {"planted": planted, "cleaned": list(repaired.values()), "dropped at random": fewer}
        told = {
            "verdict": audit.verdict,
            "named_first": first and (first.phrase or first.feature),
            "after": cleaned.after,
            "certificate": cleaned.certificate.outcome,
        }
        return arms, told

    async def _clean(self, source: Path, out: Path) -> Any:
        from pipeline.auditing import every_filter
        from pipeline.checkers.numeric import Settings as Numeric
        from pipeline.clean import Tools, clean_files, make_regrade
        from pipeline.shortcuts.settings import AuditSettings, CleanSettings

        control = self.settings.run_dir / "control.jsonl"
        async with Numeric().create() as checker:
            tools = Tools(make_regrade(checker, {}))
            return await clean_files(source, out, control, AuditSettings(), CleanSettings(), every_filter(), tools)

    def read_after(self, pairs: list[dict[str, Any]]) -> np.ndarray:
        """Whether each test problem is answered right (seeds x problems) after training on the pairs."""
        self.pairs = pairs
        right = []
        for seed in self.seeds:
            self.train("dpo+sft", RATE, seed)
            right.append(self.verdicts(str(self.policy), self.test))
        return np.array(right, dtype=np.float64)


def measure_case(bench: ShortcutBench, artefact: str, share: float, clean: np.ndarray) -> list[dict[str, Any]]:
    """One row an arm: accuracy, and its difference to training on the unplanted pairs.

    Training is deterministic: where an arm has exactly the unplanted pairs, it is not repeated.
    """
    unplanted = [texts_of(row) for row in bench.pairs]
    arms, told = bench.arms(artefact, share)
    rows = []
    for arm in ARMS:
        same = [texts_of(row) for row in arms[arm]] == unplanted
        right = clean if same else bench.read_after(arms[arm])
        rows.append(describe(right, clean) | {"artefact": artefact, "prompts": share, "arm": arm, **told})
        rows[-1] |= {"pairs": len(arms[arm]), "as_unplanted": same}
    return rows


def is_named(row: dict[str, Any]) -> bool:
    """Whether the audit failed the data, and what it named first is what was planted."""
    expected = {"opener": (OPENER,), "closer": (CLOSER,), "bold results": ("bold",)}.get(
        row["artefact"], (OPENER, CLOSER)
    )
    return row["verdict"] in ("marker", "diffuse") and row["named_first"] in expected


def texts_of(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["prompt"][-1]["content"], row["chosen"][0]["content"], row["rejected"][0]["content"]


def describe(right: np.ndarray, clean: np.ndarray) -> dict[str, Any]:
    """Accuracy over the seeds, and the paired difference to `clean` (seeds x problems) with 95% bounds."""
    difference = (right - clean).mean(axis=0)
    half = Z * difference.std(ddof=1) / np.sqrt(len(difference))
    return {
        "accuracy": float(right.mean()),
        "lowest": float(right.mean(axis=1).min()),
        "highest": float(right.mean(axis=1).max()),
        "minus_clean": float(difference.mean()),
        "low95": float(difference.mean() - half),
        "high95": float(difference.mean() + half),
    }
