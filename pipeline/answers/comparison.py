"""Two readings ──▶ same, different, or unclear, with the reason. Neither of the first two without a positive one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from pipeline.answers.compare_items import compare_items, simplify
from pipeline.answers.compare_names import compare_formulas, compare_named
from pipeline.answers.compare_regions import compare_regions
from pipeline.answers.compare_residues import compare_residues
from pipeline.answers.compare_values import compare_quantities
from pipeline.answers.compare_words import compare_clocks, compare_dates, compare_phrases
from pipeline.answers.expressions import OTHER_NAMES, same_family
from pipeline.answers.outcome import MISMATCH, Context, Result
from pipeline.answers.reading import Formula, Items, Meaning, Named, Phrase, Quantity, Reading
from pipeline.answers.times import Clock, Date
from pipeline.answers.tree import Node


def compare_readings(gold: Sequence[Reading], answer: Sequence[Reading], context: Context) -> Result:
    """Compare all readings of two texts: same where a likely pair agrees, different where no pair does."""
    results = []
    for first, second in itertools.product(gold, answer):
        outcome, why = _compare_reading(first, second, context)
        if outcome == "same" and not first.loose and not second.loose:
            return outcome, why
        results.append((outcome, why))
    for outcome, why in results:
        if outcome == "same":
            return "unclear", f"{why}, if the answer is read in an unlikely way"
    clear = [result for result in results if not result[1].startswith(MISMATCH)] or results
    return next((result for result in clear if result[0] == "unclear"), clear[0])


def _compare_reading(gold: Reading, answer: Reading, context: Context) -> Result:
    first, second = gold.meaning, answer.meaning
    if "integers" in (gold.condition, answer.condition):
        nodes = [_family(meaning) for meaning in (first, second)]
        if nodes[0] and nodes[1] and (same := same_family(nodes[0], nodes[1])) is not None:
            return ("same", "the same family of values") if same else ("different", "another family of values")
    result = compare(first, second, context)
    if (
        "integers" in (gold.condition, answer.condition)
        and result[0] == "different"
        and isinstance(second, Items | Named)
    ):
        return "unclear", "families of several values that may be the same"
    if gold.condition and answer.condition and result == ("unclear", OTHER_NAMES):
        return "same", "the same but for the names of its parameters"
    return result


def _family(meaning: Meaning) -> list[Node] | None:
    meaning = meaning.value if isinstance(meaning, Named) else meaning
    parts = meaning.items if isinstance(meaning, Items) and meaning.kind in ("list", "set") else (meaning,)
    parts = tuple(part.value if isinstance(part, Named) else part for part in parts)
    return (
        [part.node for part in parts if isinstance(part, Quantity)]
        if all(isinstance(p, Quantity) for p in parts)
        else None
    )


def compare(gold: Meaning, answer: Meaning, context: Context) -> Result:
    """Compare two meanings."""
    if isinstance(gold, Clock) or isinstance(answer, Clock):
        return compare_clocks(gold, answer)
    if isinstance(gold, Date) or isinstance(answer, Date):
        return compare_dates(gold, answer)
    if isinstance(gold, Phrase) or isinstance(answer, Phrase):
        return compare_phrases(gold, answer)
    if (result := compare_residues(gold, answer)) is not None:
        return result
    if (result := compare_regions(gold, answer, context)) is not None:
        return result
    if isinstance(gold, Named) or isinstance(answer, Named):
        return compare_named(gold, answer, context, compare)
    if any(
        isinstance(side, Items) or (isinstance(side, Formula) and simplify(side) is not side) for side in (gold, answer)
    ):
        return compare_items(gold, answer, context, compare)
    if isinstance(gold, Formula) or isinstance(answer, Formula):
        return compare_formulas(gold, answer)
    assert isinstance(gold, Quantity)
    assert isinstance(answer, Quantity)
    return compare_quantities(gold, answer, context)
