"""Real pairs of texts: what four models answered to the GSM8K test problems, right texts against wrong ones.

    python benchmarks/helpers/real_pairs.py     counts of pairs, how well own pairs match, the error signals

Cross pairs have two authors, and one problem. Own pairs have one author, but each model answered each problem once, so
their two problems differ: they are matched by difficulty. Balanced pairs have one problem and two authors, each of them
as often right as wrong. Texts without an answer line were cut off, or hold nothing else: they are left out.
"""

from __future__ import annotations

import functools
import itertools
import json
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pipeline.cleanups.calculator_notes import Settings as CalculatorNotes
from pipeline.shortcuts.contrast import Contrast
from pipeline.types import content_id

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "gsm8k"
MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
FINAL = "\nA: "
SENTENCE = re.compile(r"(?<=[.!?])\s|\n")
WORD = re.compile(r"[a-z]+")
FILLER = re.compile(r"[A-Z][A-Za-z ,'-]{8,100}[a-z]{3}\.")
NUMBER_WORDS = frozenset(
    "one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred thousand "
    "million half twice third quarter dozen double triple".split()
)


@dataclass(frozen=True, slots=True)
class Text:
    """A model's answer without calculator notes, and what it ends in."""

    text: str
    answer: str
    is_correct: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem and the answers to it."""

    key: str
    """The content id of the question."""
    question: str
    gold: str
    steps: int
    """Lines of the reference solution."""
    reference: int
    """Characters of the reference solution, calculator notes not counted."""
    texts: Mapping[str, Text]
    """By model; a model whose text has no answer line is absent."""

    def count_solvers(self, but: str) -> int:
        """How many models other than this one solve it."""
        return sum(text.is_correct for model, text in self.texts.items() if model != but)


class Own(NamedTuple):
    """The problems of a model's right and wrong text, as they are matched."""

    right: Problem
    wrong: Problem


def has_data() -> bool:
    return DATA.is_dir()


@functools.cache
def read_problems() -> tuple[Problem, ...]:
    """The 1,319 problems, in the order of the file."""
    problems = []
    for line in (DATA / "example_model_solutions.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        reference, _, gold = _clean(row["ground_truth"]).rpartition(FINAL)
        texts = {}
        for model in MODELS:
            text = _clean(row[model]["solution"])
            if FINAL in text:
                texts[model] = Text(text, text.rpartition(FINAL)[2], row[model]["is_correct"])
        key, steps = content_id(row["question"]), reference.count("\n") + 1
        problems.append(Problem(key, row["question"], gold, steps, len(reference), texts))
    return tuple(problems)


def cross_pairs(right_model: str, wrong_model: str) -> list[Contrast]:
    """One model's right text against another's wrong one, for every problem that has both."""
    return [_cross(problem, right_model, wrong_model) for problem in _split_by(right_model, wrong_model)]


def cross_pairs_all(
    right_model: str = "175b_verification", wrong_models: Sequence[str] = ("6b_finetuning", "6b_verification")
) -> list[Contrast]:
    """Cross pairs with several wrong models: a prompt may have one of each, with the same chosen text."""
    return [pair for model in wrong_models for pair in cross_pairs(right_model, model)]


def own_pairs(model: str, taken: frozenset[str] = frozenset()) -> list[Contrast]:
    """A model's right texts against its own wrong ones, each text once. The prompt is the wrong text's problem.

    `answer` is the gold answer of the right text's problem, `rejected_answer` what the wrong text ends in. Problems
    whose keys are taken are left out.
    """
    return [
        Contrast(
            id=content_id("own", own.wrong.key, model),
            prompt=own.wrong.key,
            chosen=own.right.texts[model].text,
            rejected=own.wrong.texts[model].text,
            answer=own.right.gold,
            rejected_answer=own.wrong.texts[model].answer,
            group=_group(own.wrong),
        )
        for own in match_own(model, taken)
    ]


def pooled_control(models: Sequence[str] = MODELS, *, disjoint: bool = True) -> list[Contrast]:
    """Own pairs of several models; each problem serves one model, the first ones choosing first.

    Otherwise a problem is on the right side for one model and on the wrong side for another, in pairs of two prompts: a
    probe that learns its words in one fold errs on them in the next, and the control looks less separable than it is.
    Votes of single features do not suffer, so for them more pairs may be had with `disjoint=False`; wrong texts for one
    problem then share a prompt, hence a vote.
    """
    if not disjoint:
        return [pair for model in models for pair in own_pairs(model)]
    pairs: list[Contrast] = []
    taken: frozenset[str] = frozenset()
    for model in models:
        pairs += own_pairs(model, taken)
        taken |= {problem.key for own in match_own(model, taken) for problem in own}
    return pairs


def balanced_pairs(models: Sequence[str] = MODELS, seed: int = 0) -> list[Contrast]:
    """Cross pairs of every two models, as many with the one right as with the other: only right and wrong separate."""
    rng, pairs = random.Random(seed), []
    for two in itertools.combinations(models, 2):
        ways = [(_split_by(*way), *way) for way in (two, two[::-1])]
        count = min(len(problems) for problems, _, _ in ways)
        pairs += [_cross(p, right, wrong) for problems, right, wrong in ways for p in rng.sample(problems, count)]
    return pairs


@functools.cache
def match_own(model: str, taken: frozenset[str] = frozenset()) -> tuple[Own, ...]:
    """Problems that a model solved beside ones that it did not, as many as difficulty allows.

    Both have the same number of steps and of other models that solve them. Within such a stratum, differences in the
    lengths of question and reference solution, in characters, are as small in sum as they can be.
    """
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    strata: defaultdict[tuple[int, int], tuple[list[Problem], list[Problem]]] = defaultdict(lambda: ([], []))
    for problem in read_problems():
        if model in problem.texts and problem.key not in taken:
            stratum = strata[problem.steps, problem.count_solvers(but=model)]
            stratum[not problem.texts[model].is_correct].append(problem)
    matched = []
    for right, wrong in strata.values():
        sizes = [np.array([(len(p.question), p.reference) for p in side]).reshape(-1, 2) for side in (right, wrong)]
        costs = np.abs(sizes[0][:, None] - sizes[1]).sum(axis=2)
        matched += [Own(right[i], wrong[j]) for i, j in zip(*linear_sum_assignment(costs), strict=True)]
    return tuple(matched)


def read_fillers() -> list[str]:
    """Sentences without numbers, of questions in the training set: what padding is made of. Sorted by length.

    Left out are those with a word that would give padding away: one that 0.8% of the sentences have, and less than half
    that share of the models' texts.
    """
    found = set()
    for line in (DATA / "train.jsonl").read_text(encoding="utf-8").splitlines():
        for sentence in SENTENCE.split(json.loads(line)["question"]):
            if FILLER.fullmatch(sentence) and NUMBER_WORDS.isdisjoint(_words(sentence)):
                found.add(sentence)
    texts = [text.text for problem in read_problems() for text in problem.texts.values()]
    usual = Counter(word for text in texts for word in _words(text))
    counts = Counter(word for sentence in found for word in _words(sentence))
    shares = {word: count / len(found) for word, count in counts.items()}
    telling = {word for word, share in shares.items() if share > 0.008 and usual[word] / len(texts) < share / 2}
    kept = (sentence for sentence in found if telling.isdisjoint(_words(sentence)))
    return sorted(kept, key=lambda sentence: (len(sentence), sentence))


@dataclass(frozen=True, slots=True)
class Signal:
    """What a model writes more of where it is right, or where it is wrong. No author is told by it."""

    name: str
    pattern: re.Pattern[str]
    more_in_chosen: bool
    word: str | None = None
    """The word or sign as a feature would show it; None where numbers are part of it, which the audit masks."""

    def count(self, text: str) -> int:
        """How often a text has it, the answer line left out."""
        return len(self.pattern.findall(text.rpartition(FINAL)[0]))


ERROR_SIGNALS = (
    Signal("decimals of three places or more", re.compile(r"\.\d{3}"), False),
    Signal("negative results", re.compile(r"= ?\$?-\d"), False),
    Signal("the word left", re.compile(r"\bleft\b"), True, "left"),
    Signal("subtractions", re.compile(r"\d ?-"), True, "-"),
    Signal("equations", re.compile(r"\d ?="), True, "="),
    Signal("full stops at a line's end", re.compile(r"\.$", re.MULTILINE), True, "."),
)
"""In the own pairs of all models (not disjoint), each has an exact sign test below 0.01; balanced pairs agree in sign.

Some 520 words, signs and pairs of them were looked at. At a false discovery rate of 5%, decimals and subtractions stand
there, decimals and equations in balanced pairs; the other three are weaker.
"""


def count_votes(pairs: Iterable[Contrast], signal: Signal) -> tuple[int, int]:
    """In how many prompts the chosen texts have more of it, and in how many the rejected ones."""
    more: Counter[str] = Counter()
    for pair in pairs:
        more[pair.prompt] += signal.count(pair.chosen) - signal.count(pair.rejected)
    return sum(n > 0 for n in more.values()), sum(n < 0 for n in more.values())


def _words(text: str) -> set[str]:
    return set(WORD.findall(text.lower()))


def _clean(text: str) -> str:
    return CalculatorNotes().apply(text).strip()


def _split_by(right_model: str, wrong_model: str) -> list[Problem]:
    return [
        p
        for p in read_problems()
        if {right_model, wrong_model} <= p.texts.keys()
        and p.texts[right_model].is_correct
        and not p.texts[wrong_model].is_correct
    ]


def _cross(problem: Problem, right_model: str, wrong_model: str) -> Contrast:
    right, wrong = problem.texts[right_model], problem.texts[wrong_model]
    return Contrast(
        id=content_id("cross", problem.key, right_model, wrong_model),
        prompt=problem.key,
        chosen=right.text,
        rejected=wrong.text,
        answer=problem.gold,
        rejected_answer=wrong.answer,
        group=_group(problem),
    )


def _group(problem: Problem) -> str:
    return f"{problem.steps} steps"


def main() -> None:
    """Print what there is."""
    from statistics import mean

    from report import report

    from pipeline.intervals import mcnemar_p

    sets = {f"{a} right, {b} wrong": cross_pairs(a, b) for a, b in itertools.permutations(MODELS, 2)}
    sets |= {"175b_verification right, both 6b wrong": cross_pairs_all()}
    sets |= {"175b_verification right, all others wrong": cross_pairs_all(wrong_models=MODELS[:3])}
    sets |= {f"own {model}": own_pairs(model) for model in MODELS}
    sets |= {"own, both 6b": pooled_control(MODELS[:2], disjoint=False), "own, all": pooled_control(disjoint=False)}
    sets |= {"own, both 6b, disjoint": pooled_control(MODELS[:2]), "own, all, disjoint": pooled_control()}
    sets |= {f"balanced {a}, {b}": balanced_pairs((a, b)) for a, b in itertools.combinations(MODELS, 2)}
    sets |= {"balanced, all": balanced_pairs()}
    counts = [{"set": n, "pairs": len(pairs), "prompts": len({p.prompt for p in pairs})} for n, pairs in sets.items()]
    report(counts, [], None)
    print()
    matches = []
    for model in MODELS:
        verdicts = Counter(p.texts[model].is_correct for p in read_problems() if model in p.texts)
        matched = match_own(model)
        row: dict[str, object] = {"model": model, "right": verdicts[True], "wrong": verdicts[False]}
        row |= {"no answer": len(read_problems()) - verdicts.total(), "pairs": len(matched)}
        for side in Own._fields:
            problems = [getattr(own, side) for own in matched]
            row[f"{side}: steps"] = f"{mean(p.steps for p in problems):.2f}"
            row[f"{side}: solvers"] = f"{mean(p.count_solvers(but=model) for p in problems):.2f}"
            row[f"{side}: question"] = mean(len(p.question) for p in problems)
            row[f"{side}: reference"] = mean(p.reference for p in problems)
        matches.append(row)
    report(matches, [], None)
    print()
    signals = []
    for signal in ERROR_SIGNALS:
        row = {"signal": signal.name}
        for name in ("own, all", "own, all, disjoint", "balanced, all", "175b_verification right, both 6b wrong"):
            chosen, rejected = count_votes(sets[name], signal)
            row[name] = f"{chosen}:{rejected} p={mcnemar_p(chosen, rejected):.1g}"
        signals.append(row)
    report(signals, [], None)
    fillers = read_fillers()
    print(f"\n{len(fillers)} fillers of {len(fillers[0])} to {len(fillers[-1])} characters")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
