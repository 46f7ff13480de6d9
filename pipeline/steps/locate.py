"""The first wrong step of an attempt, where arithmetic or a right solution tells it; others look at the rest."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from pipeline.answers.syntax import parse
from pipeline.answers.tree import Apply, Node, Number, Unreadable
from pipeline.checkers.numeric import read_number
from pipeline.steps.arithmetic import CONVERSIONS, NOTE, Equation, Side, find_equations
from pipeline.steps.split import find_stated, split_steps

NUMBER = re.compile(r"\d{1,3}(?:,\d{3}){1,9}(?:\.\d{1,30})?|\d{1,30}(?:\.\d{1,30})?|\.\d{1,30}")
AROUND = " \t\n.。;,$"
"""What may stand around an equation that is all that a step says."""
LONGEST_WAY = 200
"""Steps beyond which a right solution is not compared."""
Method = Literal["arithmetic", "reference"]


@dataclass(frozen=True)
class Located:
    """The first wrong step, counted from 0 among `split_steps(text)`; why it is wrong, and what tells so."""

    index: int
    reason: str
    method: Method


@dataclass(frozen=True)
class _Solution:
    """The steps before the final answer with their equations, and the answer."""

    steps: tuple[str, ...]
    equations: tuple[tuple[Equation, ...], ...]
    answer: Fraction | None
    ends: bool
    """Whether nothing follows the answer."""

    @functools.cached_property
    def bare(self) -> list[Equation] | None:
        """The one equation that each step is; None where a step is anything else."""
        found = [_bare_equation(step) for step in self.steps]
        return None if None in found or not self.ends else [equation for equation in found if equation]


def first_wrong_step(text: str, *, question: str | None = None, rationale: str | None = None) -> Located | None:
    """The first step with a false equation, the first that leaves a right solution, or a final line of its own making.

    `rationale` is a right solution; it counts where its steps and the attempt's are single equations. The numbers of
    `question` are no ground for doubt in a final line. None where nothing is found, which says nothing of the attempt.
    """
    attempt = _read(text)
    found = [_find_false(attempt), _find_odd_end(attempt, question or "")]
    if rationale is not None:
        found.append(_find_departure(attempt, rationale))
    return min((place for place in found if place), key=lambda place: place.index, default=None)


def _read(text: str) -> _Solution:
    steps = [step.text for step in split_steps(text)]
    at = next((index for index in range(len(steps) - 1, -1, -1) if find_stated(steps[index]) is not None), len(steps))
    stated = read_number(find_stated(steps[at]) or "") if at < len(steps) else None
    before = tuple(steps[:at])
    equations = tuple(tuple(find_equations(step)) for step in before)
    return _Solution(before, equations, stated.value if stated else None, at >= len(steps) - 1)


def _bare_equation(step: str) -> Equation | None:
    plain = NOTE.sub("", step)
    found = find_equations(plain)
    if len(found) != 1 or (plain[: found[0].start] + plain[found[0].end :]).strip(AROUND):
        return None
    return found[0]


def _find_false(attempt: _Solution) -> Located | None:
    for index, equations in enumerate(attempt.equations):
        for equation in equations:
            if equation.holds is False:
                return Located(index, f"{equation.text} is false: {_explain(equation)}", "arithmetic")
    return None


def _find_odd_end(attempt: _Solution, question: str) -> Located | None:
    """A final line that states a number at which no step arrives, where every step holds."""
    held = all(equations and all(equation.holds for equation in equations) for equations in attempt.equations)
    if attempt.answer is None or not attempt.ends or not attempt.equations or not held:
        return None
    last, answer = attempt.equations[-1][-1].result, attempt.answer
    if last is None or last == answer or (last.denominator > 1 and abs(last - answer) < 1):
        return None
    if attempt.bare is None:
        told = {Fraction(number.replace(",", "")) for number in NUMBER.findall("\n".join((question, *attempt.steps)))}
        if answer in told or not last or abs(answer / last) in CONVERSIONS:
            return None
    reason = f"the steps arrive at {_show(last)}, the final line states {_show(answer)}"
    return Located(len(attempt.steps), reason, "arithmetic")


def _find_departure(attempt: _Solution, rationale: str) -> Located | None:
    """The first step that is none of the right solution's, neither by its equation nor by where it arrives."""
    steps = attempt.bare
    right = _read(rationale) if steps is not None else None
    way = right.bare if right else None
    if steps is None or right is None or not way or len(way) > LONGEST_WAY:
        return None
    end = right.answer if right.answer is not None else way[-1].result
    unused = [(_form(equation), equation) for equation in way]
    for index, step in enumerate(steps):
        used = _find_used(step, unused)
        if used is None:
            then = f"the right solution goes on with {unused[0][1].text}" if unused else "the right solution has ended"
            return Located(index, f"{step.text}: {then}", "reference")
        del unused[used]
    if attempt.answer is not None and attempt.answer != end:
        reason = f"the final line states {_show(attempt.answer)}, the right solution arrives at {_show(end)}"
        return Located(len(steps), reason, "reference")
    return None


def _find_used(step: Equation, unused: Sequence[tuple[str, Equation]]) -> slice | None:
    """Which of the right solution's equations a step stands for."""
    form = _form(step)
    arrives = [index for index, (_, equation) in enumerate(unused) if equation.result == step.result]
    if same := [index for index in arrives if unused[index][0] == form]:
        return slice(same[0], same[0] + 1)
    if arrives and (arrives[0] == 0 or _computation(step).operators > 1):
        return slice(0, arrives[0] + 1)
    return None


def _computation(equation: Equation) -> Side:
    return max(equation.sides, key=lambda side: side.operators)


def _form(equation: Equation) -> str:
    """The computation of an equation with the operands of sums and products in one order."""
    expression = _computation(equation).expression
    try:
        return _ordered(parse(expression))
    except Unreadable:
        return expression


def _ordered(node: Node) -> str:
    if not isinstance(node, Apply):
        return str(node.value) if isinstance(node, Number) else repr(node)
    operands = map(_ordered, _operands(node, node.name) if node.name in ("+", "*") else node.args)
    return f"{node.name}({', '.join(sorted(operands) if node.name in ('+', '*') else operands)})"


def _operands(node: Node, name: str) -> list[Node]:
    """The operands of sums of sums, products of products."""
    if not isinstance(node, Apply) or node.name != name:
        return [node]
    return [operand for argument in node.args for operand in _operands(argument, name)]


def _explain(equation: Equation) -> str:
    """What a false equation should have said."""
    for a, b in itertools.pairwise(equation.sides):
        if a.value is not None and b.value is not None and a.value != b.value:
            side, other = (a, b) if a.operators else (b, a)
            told = f"{side.expression} is {_show(side.value)}"
            return told if other.operators else f"{told}, not {_show(other.value)}"
    return "its sides differ"


def _show(value: Fraction | None) -> str:
    """A value as a decimal where that is exact, else as a fraction."""
    if value is None or value.denominator == 1 or 10**12 % value.denominator:
        return str(value)
    digits = f"{abs(value) * 10**12 // 1:013d}"
    return f"{'-' * (value < 0)}{digits[:-12]}.{digits[-12:].rstrip('0')}"
