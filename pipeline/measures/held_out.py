"""The guarantee that evaluation problems were not trained on: by id, by question, and by n-grams."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pydantic import Field

from pipeline.errors import DataError
from pipeline.measures.folding import fold, fold_question
from pipeline.measures.quoted import Quoted
from pipeline.settings import Settings
from pipeline.types import Problem

Lists = Mapping[str, tuple[str, ...]]
Ask = Callable[[Problem], str]
"""Fills the prompt that a model is asked."""


class HeldOutSettings(Settings):
    """When an evaluation problem counts as one that was trained on, which is an error.

    One with the same question always does, whether the training data hold the question or the prompt that it is asked
    in. White space, case, forms of letters, quotes and dashes, characters that are not seen and punctuation at the end
    make no difference. Options of multiple choice in an `extras` column must be the same, too.
    """

    ids: bool = True
    """Whether one with the id of a training problem does. Ids that are plain numbers never do: every file counts its
    rows from the same number."""
    quoted: bool = True
    """Whether one of 4 to 12 words does (in Chinese, 12 to 38 characters) that stands in a longer training text, as
    sentences or lines of their own: `Answer with one word. What is the capital of Peru?`."""
    n: int = Field(default=3, ge=1)
    """Words in an n-gram; in Chinese, characters."""
    min_share: float = Field(default=0.88, gt=0, le=1)
    """Share of an evaluation problem's n-grams that must stand in one training question, wherever they stand in it, for
    it to count. At 0.88 of 3-grams it does if one word in twenty-seven is another, such as a number or a name, and if
    there is text before or behind it. Lower it to find more distant copies; raise it where all problems follow a few
    templates; at 1, nothing in it may be changed.

    Questions of fewer than 13 words must be the same, or be `quoted`. N-grams that stand in most of the evaluation
    problems, such as how to write the answer, do not count."""


class Seen(NamedTuple):
    """A problem that was trained on."""

    id: str | None
    question: str
    where: str
    """For the message: `file:line`."""
    lists: Lists = {}
    """Its columns that are lists of texts, such as the options of multiple choice, where they are known."""


def seen(problem: Problem) -> Seen:
    """A training problem as the guard looks at it."""
    return Seen(problem.id, problem.question, problem.source, _lists(problem))


def check_held_out(
    sets: Mapping[str, Sequence[Problem]],
    training: Iterable[Seen],
    settings: HeldOutSettings | None = None,
    *,
    asked: Mapping[str, Ask] | None = None,
) -> None:
    """Raises DataError where evaluation problems were trained on: how many, where the first stands, why, and the fix.

    sets: the evaluation problems by the name of their set. They are held in memory, the training problems are not.
    asked: what fills the prompt of a set; a training text that is such a prompt is the problem, too.
    """
    problems = [(name, problem) for name, part in sets.items() for problem in part]
    fills = [(problem, (asked or {}).get(name)) for name, problem in problems]
    guard = _Guard([_Held(problem, fill) for problem, fill in fills], settings or HeldOutSettings())
    found: dict[int, str] = {}
    for row in training:
        for number, why in guard.find(row):
            found.setdefault(number, why)
    if not found:
        return
    counts = Counter(problems[number][0] for number in found)
    told = ", ".join(f"{counts[name]} of {len(part)} in {name}" for name, part in sets.items() if counts[name])
    name, problem = problems[min(found)]
    told_of = problem.question if len(problem.question) <= 80 else f"{problem.question[:80]}…"
    file, _, line = problem.source.rpartition(":")
    raise DataError(
        file or name,
        f"{found[min(found)]}: {told_of!r}. Evaluation problems that were trained on: {told}. Take them "
        f"out there or here; problems.decontaminate.files: [{file or 'FILE'}] leaves their like out of training",
        line=int(line) if line.isdecimal() else None,
    )


class _Held:
    """An evaluation problem as the guard looks at it."""

    def __init__(self, problem: Problem, ask: Ask | None) -> None:
        self.id, self.question, self.lists = problem.id, problem.question, _lists(problem)
        asked = fold_question(ask(problem)) if ask else None
        self.forms = {form for form in (fold_question(problem.question), asked) if form}
        """The folded texts that are this problem."""
        texts = [value if isinstance(value, tuple) else (str(value),) for value in problem.extras.values()]
        parts = self.lists.values() if asked is None else [part for part in texts if _holds(asked, part)]
        self.shown = [text for part in parts for text in part]
        """What is asked besides the question: without it, the question may be another problem's."""


class _Guard:
    """What is known of the evaluation problems."""

    def __init__(self, problems: Sequence[_Held], settings: HeldOutSettings) -> None:
        from pipeline.measures.near_copies import NearCopies  # numpy

        self._n = settings.n
        self._problems = problems
        self._forms: defaultdict[str, list[int]] = defaultdict(list)
        self._ids: defaultdict[str, list[int]] = defaultdict(list)
        for number, problem in enumerate(problems):
            for form in problem.forms:
                self._forms[form].append(number)
            if settings.ids and not problem.id.isdecimal():
                self._ids[problem.id].append(number)
        questions = [problem.question for problem in problems]
        self._quoted = Quoted(questions if settings.quoted else ())
        self._copies = NearCopies(questions, settings.n, settings.min_share)

    def find(self, row: Seen) -> Iterator[tuple[int, str]]:
        """The evaluation problems that a training problem gives away, by number, and why; the surest first."""
        folded = fold(row.question)
        for number in self._forms.get(folded.whole, ()):
            if self._options_agree(number, row):
                yield number, f"is the same question as {row.where}"
        for number in self._ids.get(row.id, ()) if row.id is not None else ():
            yield number, f"has the id {row.id!r} of {row.where} (ids mean nothing? evaluate.held_out.ids: false)"
        for number in self._quoted.find(folded.sentences):
            if self._options_agree(number, row) and self._is_shown(number, row):
                yield number, f"stands in {row.where} (another problem there? evaluate.held_out.quoted: false)"
        for number, share in self._copies.find(row.question):
            if self._options_agree(number, row):
                told = "another problem? raise evaluate.held_out.min_share"
                yield number, f"shares {share:.0%} of its {self._n}-grams with {row.where} ({told})"

    def _options_agree(self, number: int, row: Seen) -> bool:
        """Whether the lists that both have are the same, in whatever order their texts stand."""
        own = self._problems[number].lists
        return all(
            sorted(map(fold_question, own[column])) == sorted(map(fold_question, row.lists[column]))
            for column in own.keys() & row.lists.keys()
        )

    def _is_shown(self, number: int, row: Seen) -> bool:
        """Whether a text has what is asked besides the question."""
        texts = [row.question, *(text for part in row.lists.values() for text in part)]
        return _holds(" ".join(map(fold_question, texts)), self._problems[number].shown)


def _holds(folded: str, texts: Iterable[str]) -> bool:
    """Whether all the texts stand in a folded one, on the borders of words."""
    parts = filter(None, map(fold_question, texts))
    return all(f" {part} " in f" {folded} " for part in parts)


def _lists(problem: Problem) -> dict[str, tuple[str, ...]]:
    return {name: value for name, value in problem.extras.items() if isinstance(value, tuple)}
