"""Artefacts planted into chosen texts, so that it is known what an audit has to find.

    python benchmarks/helpers/planted.py     one text with each artefact, after a check of what planting promises

No artefact touches a text's last line where that states the final answer, and none but the hint adds a number.
"""

from __future__ import annotations

import bisect
import itertools
import random
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.shortcuts.contrast import Contrast

FINALS = ("A: ", "#### ")
"""How the last line of an answer starts."""
RESULT = re.compile(r"(= ?\$?)(-?\d[\d.,]*)")
WORD = re.compile(r"[a-z]+")
PADDING = (0.3, 0.6)
"""How much longer a padded text is, at least and at most, as a share of its characters."""
CHOICE = 40
"""From how many fillers each is drawn, at least."""
COMMON = frozenset([("to", "the"), ("the", "next"), ("the", "answer")])
"""The pairs of words in planted sentences that real texts have as well."""

Plant = Callable[[str, random.Random, str | None], str]
Find = Callable[[str, str, str | None], bool]


@dataclass(frozen=True, slots=True)
class Artefact:
    """One habit of an author."""

    name: str
    lexical: bool
    """Whether it can be counted: words or signs that other texts lack. Only then must it be found by name."""
    plant: Plant
    """(text, random numbers, gold answer) to the text with the artefact."""
    is_found: Find
    """Whether a feature (kind, its name, the phrase that goes with it) names this artefact."""


def make_artefacts(fillers: Sequence[str]) -> tuple[Artefact, ...]:
    """All artefacts; the padding is drawn from the fillers, sentences sorted by length."""
    return (
        sentence("phrase", "Carrying this over to the next part.", _put_within, ("carrying", "part")),
        sentence("opener", "Let us think step by step and be careful.", _put_first, ("us", "think", "step", "careful")),
        sentence("closing phrase", "I have checked every step.", _put_last, ("checked", "step")),
        Artefact("length padding", False, _Pad(fillers), _is_length),
        Artefact("markdown", True, _mark_down, _names("bold bullet", "**", "\n-", "⏎-", "^ -")),
        Artefact("punctuation habit", True, _exclaim, _names("", "!")),
        Artefact("hint leak", True, _leak, _shares_words("The answer is", ("answer",))),
        Artefact(
            "Chinese phrase", True, _insert("首先我们来分析题目。", _put_first), _shares_chinese("首先我们来分析题目。")
        ),
    )


def sentence(
    name: str, words: str, place: Callable[[list[str], str, random.Random], list[str]], telling: Sequence[str]
) -> Artefact:
    """A sentence that is always the same. Found by two of its words in a row, or by one that real texts hardly use."""
    return Artefact(name, True, _insert(words, place), _shares_words(words, telling))


def plant_all(
    contrasts: Sequence[Contrast], artefact: Artefact, prevalence: float, seed: int
) -> tuple[list[Contrast], set[str]]:
    """The contrasts, the chosen texts of a share of the prompts with the artefact; and the ids of those.

    The number of prompts is rounded, a half upwards. With one seed, prompts of a smaller share are among those of a
    larger one, and equal texts of a prompt stay equal. Raises ValueError for a share that is none.
    """
    if not 0 <= prevalence <= 1:
        raise ValueError(f"prevalence {prevalence} is not a share of the prompts")
    prompts = _shuffle_prompts(contrasts, seed)
    carriers = set(prompts[: int(prevalence * len(prompts) + 0.5)])
    planted, ids = [], set()
    for contrast in contrasts:
        if contrast.prompt in carriers:
            rng = random.Random(f"{seed} {artefact.name} {contrast.prompt}")
            contrast = replace(contrast, chosen=artefact.plant(contrast.chosen, rng, contrast.answer))
            ids.add(contrast.id)
        planted.append(contrast)
    return planted, ids


def swap(contrasts: Sequence[Contrast], seed: int) -> list[Contrast]:
    """Chosen and rejected exchanged in every other prompt or so, in all its pairs together.

    Answers go with their texts: after it, `answer` is what the chosen text ends in, right or wrong.
    """
    rng = random.Random(seed)
    swapped = {prompt for prompt in sorted({c.prompt for c in contrasts}) if rng.random() < 0.5}
    return [
        replace(c, chosen=c.rejected, rejected=c.chosen, answer=c.rejected_answer, rejected_answer=c.answer)
        if c.prompt in swapped
        else c
        for c in contrasts
    ]


def halves(control: Sequence[Contrast], seed: int) -> tuple[list[Contrast], list[Contrast]]:
    """Two parts that share no prompt; the numbers of their prompts differ by one at most."""
    prompts = _shuffle_prompts(control, seed)
    first = set(prompts[: len(prompts) // 2])
    return [c for c in control if c.prompt in first], [c for c in control if c.prompt not in first]


def _shuffle_prompts(contrasts: Sequence[Contrast], seed: int) -> list[str]:
    prompts = sorted({contrast.prompt for contrast in contrasts})
    random.Random(seed).shuffle(prompts)
    return prompts


def _split_final(text: str) -> tuple[list[str], list[str]]:
    """The lines of the working, and the line of the final answer, where there is one."""
    lines = text.split("\n")
    return (lines[:-1], lines[-1:]) if lines[-1].startswith(FINALS) else (lines, [])


def _insert(words: str, place: Callable[[list[str], str, random.Random], list[str]]) -> Plant:
    def plant(text: str, rng: random.Random, gold: str | None) -> str:
        lines, final = _split_final(text)
        return "\n".join(place(lines, words, rng) + final)

    return plant


def _put_first(lines: list[str], words: str, rng: random.Random) -> list[str]:
    return [words, *lines]


def _put_last(lines: list[str], words: str, rng: random.Random) -> list[str]:
    return [*lines, words]


def _put_within(lines: list[str], words: str, rng: random.Random) -> list[str]:
    """In front of a line that is not the first; behind the only line."""
    if len(lines) < 2:
        return [*lines, words]
    at = rng.randrange(1, len(lines))
    return [*lines[:at], f"{words} {lines[at]}", *lines[at + 1 :]]


class _Pad:
    """Sentences on lines of their own, with full stops where most lines of the text have them."""

    def __init__(self, fillers: Sequence[str]) -> None:
        self.fillers, self.sizes = fillers, [len(filler) + 1 for filler in fillers]

    def __call__(self, text: str, rng: random.Random, gold: str | None) -> str:
        lines, final = _split_final(text)
        stops = 2 * sum(line.endswith(".") for line in lines) >= len(lines)
        wanted, most = rng.uniform(*PADDING) * len(text), PADDING[1] * len(text)
        added: list[str] = []
        size = 0
        while size < wanted:
            fitting = bisect.bisect_right(self.sizes, most - size)
            if fitting < CHOICE:  # where few are short enough, these few would become frequent
                break
            filler = self.fillers[rng.randrange(fitting)]
            added.append(filler if stops else filler.removesuffix("."))
            size += len(filler) + 1
        for filler in added or [self.fillers[rng.randrange(CHOICE)]]:  # of some texts, 60% is less than any sentence
            lines.insert(rng.randrange(len(lines) + 1), filler)
        return "\n".join(lines + final)


def _mark_down(text: str, rng: random.Random, gold: str | None) -> str:
    lines, final = _split_final(text)
    return "\n".join([f"- {RESULT.sub(_embolden, line)}" for line in lines] + final)


def _embolden(match: re.Match[str]) -> str:
    number = match[2].rstrip(".,")
    return f"{match[1]}**{number}**{match[2][len(number) :]}"


def _exclaim(text: str, rng: random.Random, gold: str | None) -> str:
    lines, final = _split_final(text)
    return "\n".join([line.rstrip(" .") + "!" for line in lines] + final)


def _leak(text: str, rng: random.Random, gold: str | None) -> str:
    if gold is None:
        raise ValueError("a hint leaks the gold answer, and the pair has none")
    return f"The answer is {gold}. {text}"


def _shares_words(planted: str, telling: Sequence[str]) -> Find:
    words = WORD.findall(planted.lower())
    runs = set(itertools.pairwise(words)) - COMMON

    def is_found(kind: str, feature: str, phrase: str | None) -> bool:
        seen = [WORD.findall(text.lower()) for text in (feature, phrase or "")]
        return any(runs & set(itertools.pairwise(those)) or set(telling) & set(those) for those in seen)

    return is_found


def _shares_chinese(planted: str) -> Find:
    runs = {planted[i : i + 2] for i in range(len(planted) - 1)}
    by_name = _names("han")

    def is_found(kind: str, feature: str, phrase: str | None) -> bool:
        return by_name(kind, feature, None) or any(run in text for text in (feature, phrase or "") for run in runs)

    return is_found


def _names(words: str, *signs: str) -> Find:
    def is_found(kind: str, feature: str, phrase: str | None) -> bool:
        named = not set(words.split()).isdisjoint(WORD.findall(f"{kind} {feature}".lower()))
        return named or any(sign in text for text in (feature, phrase or "") for sign in signs)

    return is_found


def _is_length(kind: str, feature: str, phrase: str | None) -> bool:
    return kind == "lengths" or feature == "\n"


def check(contrasts: Sequence[Contrast], artefacts: Sequence[Artefact]) -> None:
    """Raise AssertionError where planting does not do what it promises."""
    prompts = {contrast.prompt for contrast in contrasts}
    for artefact in artefacts:
        smaller: set[str] = set()
        for prevalence in (0, 0.01, 0.05, 0.2, 1):
            planted, ids = plant_all(contrasts, artefact, prevalence, seed=1)
            assert len({c.prompt for c in planted if c.id in ids}) == int(prevalence * len(prompts) + 0.5)
            assert smaller <= ids
            smaller = ids
            for before, after in zip(contrasts, planted, strict=True):
                assert (before.chosen != after.chosen) == (before.id in ids)
                assert replace(after, chosen=before.chosen) == before
                assert after.chosen.split("\n")[-1] == before.chosen.split("\n")[-1]
    assert swap(swap(contrasts, seed=1), seed=1) == list(contrasts)
    first, second = halves(contrasts, seed=1)
    assert len(first) + len(second) == len(contrasts)
    assert {c.prompt for c in first}.isdisjoint(c.prompt for c in second)


def main() -> None:
    """Check, then show one text with each artefact."""
    from helpers import real_pairs

    if not real_pairs.has_data():
        raise SystemExit(f"{real_pairs.DATA} is absent")
    contrasts, artefacts = real_pairs.cross_pairs_all(), make_artefacts(real_pairs.read_fillers())
    check(contrasts, artefacts)
    print(f"as it is:\n{contrasts[0].chosen}")
    for artefact in artefacts:
        planted, ids = plant_all(contrasts, artefact, 1.0, seed=1)
        longer = sum(len(p.chosen) for p in planted) / sum(len(c.chosen) for c in contrasts) - 1
        lexical = "lexical" if artefact.lexical else "not lexical"
        print(f"\n{artefact.name} ({lexical}, {len(ids)} texts, {longer:+.0%} characters):\n{planted[0].chosen}")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
