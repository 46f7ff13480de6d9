"""The demo's pairs by a ladder of corrections, a training on them, and what it does to held-out problems."""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
from pathlib import Path
from typing import Any

LEARNING_RATES = (2e-5, 5e-5, 1.5e-4)
MIXTURES = {"dpo+sft": {"dpo": 1.0, "sft": 0.2}}
DEV, TEST, SEEDS = 300, 2000, (0, 1, 2)
TRAINED_ON, SKIPPED = 400, 900
"""Problems from which pairs are made, and those before the development problems in the stream."""
ASKED = {"teacher": "teacher", "reply": "tagged", "repairs": 0, "params": {"temperature": 0.0, "max_tokens": 128}}
REVISE, GOLD_GUIDED = {"rung": "revise", **ASKED}, {"rung": "gold_guided", **ASKED}
RECOMPUTED = {"rung": "continue_fix", "locate": ["recompute"], "samples": 8}
LOCATED = {**ASKED, "rung": "continue_fix", "locate": ["teacher"], "samples": 8}
LADDERS: dict[str, list[dict[str, Any]]] = {
    "reference": [{"rung": "reference"}],
    "own_correct": [{"rung": "own_correct"}],
    "continue_fix (recompute)": [RECOMPUTED],
    "continue_fix (teacher)": [LOCATED],
    "revise": [REVISE],
    "gold_guided": [GOLD_GUIDED],
    "revise, gold_guided": [REVISE, GOLD_GUIDED],
    "own_correct, continue_fix, revise, gold_guided": [{"rung": "own_correct"}, LOCATED, REVISE, GOLD_GUIDED],
}


class Bench:
    """The pairs of one ladder, development and test problems."""

    def __init__(self, folder: Path, ladder: str = "reference", *, quick: bool) -> None:
        from errata.demo import story, world
        from errata.training import read_split
        from pipeline.run import build
        from pipeline.summary import Summary
        from pipeline.types import Problem

        self.folder = folder
        number = list(LADDERS).index(ladder)
        own = {"export.validation_share": "0", "pair.max_per_problem": "4", "name": f"ladder-{number}"}
        settings = story.make_settings(folder, [part for key, value in own.items() for part in (f"--{key}", value)])
        chosen = settings.correct.model_validate({"rungs": LADDERS[ladder], "on_objection": "continue"})
        self.settings = settings.model_copy(update={"correct": chosen})
        account = self.settings.run_dir / "summary.json"
        if not account.is_file():
            story.write_problems(self.settings, TRAINED_ON)
            asyncio.run(build(self.settings))
        self.summary = Summary.model_validate_json(account.read_text())
        self.pairs = read_split(self.settings.run_dir, "train")
        self.student = str(self.settings.student.model)
        self.seeds = SEEDS[:1] if quick else SEEDS
        stream = itertools.islice(world.stories("problems"), SKIPPED, SKIPPED + DEV + TEST)
        made = [(s.question, world.answer_of(world.solve(s))) for s in stream]
        problems = [Problem(id=f"{i}", question=question, answer=answer) for i, (question, answer) in enumerate(made)]
        self.dev, self.test = problems[:DEV], problems[DEV:]

    def before(self) -> float:
        """Accuracy of the student on the test problems."""
        return self.accuracy(self.student, self.test)

    def describe(self) -> dict[str, Any]:
        """What the ladder made of the mistakes."""
        edits = [row["edit_ratio"] for row in self.pairs]
        return {
            "mistakes": self.summary.mistakes - self.summary.dropped.get("repeated_mistake", 0),
            "pairs": len(self.pairs),
            "edit_ratio": statistics.median(edits) if edits else None,
            "by_rung": ", ".join(f"{rung} {count}" for rung, count in self.summary.corrections.items()),
        }

    def measure(self, name: str) -> dict[str, Any]:
        """Choose the learning rate on the development problems, then read the test problems once a seed."""
        dev = {rate: self.train_and_read(name, rate, 0, self.dev)[0] for rate in LEARNING_RATES}
        rate = max(dev, key=lambda r: dev[r])
        runs = [self.train_and_read(name, rate, seed, self.test) for seed in self.seeds]
        after = [accuracy for accuracy, _, _ in runs]
        return {
            "loss": name,
            "learning_rate": rate,
            "dev": dev[rate],
            "after": statistics.mean(after),
            "lowest": min(after),
            "highest": max(after),
            "train_seconds": max(seconds for _, seconds, _ in runs),
            "chosen_change": None if runs[0][2] is None else statistics.mean(change or 0.0 for _, _, change in runs),
        }

    def train_and_read(self, name: str, rate: float, seed: int, problems: Any) -> tuple[float, float, float | None]:
        """Accuracy, seconds of training, and the change of the chosen texts' log-prob, where there is a reference."""
        seconds, change = self.train(name, rate, seed)
        return self.accuracy(str(self.policy), problems), seconds, change

    @property
    def policy(self) -> Path:
        """Folder of the policy that this process trained last."""
        return self.folder / f"policy-{os.getpid()}"

    def train(self, name: str, rate: float, seed: int) -> tuple[float, float | None]:
        """Train on the pairs; seconds, and the change of the chosen texts' log-prob, where there is a reference."""
        from trainer import DPOConfig, DPOTrainer

        mixture = MIXTURES.get(name, {name: 1.0})
        config = DPOConfig(
            output_dir=str(self.folder / f"out-{os.getpid()}"),
            loss_type=list(mixture),
            loss_weights=list(mixture.values()),
            learning_rate=rate,
            num_train_epochs=2,
            global_batch_pairs=32,
            lr_scheduler_type="cosine",
            warmup_steps=5,
            weight_decay=0.0,
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
            seed=seed,
            reference_cache=str(self.folder / "reference.sqlite"),
        )
        trainer = DPOTrainer(self.student, args=config, train_dataset=self.pairs)
        from transformers import PrinterCallback

        trainer.remove_callback(PrinterCallback)
        seconds = trainer.train().metrics["train_runtime"]
        trainer.save_model(str(self.policy))
        log = trainer.state.log_history
        changes = [line["logps/chosen_change"] for line in log if "logps/chosen_change" in line]
        return seconds, changes[-1] if changes else None

    def accuracy(self, model: str, problems: Any) -> float:
        """Share of problems whose greedy answer is correct."""
        return statistics.mean(self.verdicts(model, problems))

    def verdicts(self, model: str, problems: Any) -> list[bool]:
        """Of each problem: whether the greedy answer is correct."""
        from pipeline.checkers.numeric import Settings as Numeric
        from pipeline.engines.transformers import Settings as Local
        from pipeline.measures.answering import Asking, answer_all
        from pipeline.prompts import Prompts

        assert self.settings.evaluate is not None
        params = self.settings.evaluate.params

        async def ask() -> list[bool]:
            local = Local(model=model, batch_size=256, group_size=256)
            async with local.create() as engine, Numeric().create() as checker:
                asking = Asking(checker, Prompts().load("student"), params)
                answered = await answer_all(engine, problems, asking, at_once=256)
                return [answer.greedy.verdict == "correct" for answer in answered]

        return asyncio.run(ask())
