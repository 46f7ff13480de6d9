"""problems ──▶ graded answers of one model: a greedy one, sampled ones, and the second turn on the greedy one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from pipeline.bounded import cut_groups
from pipeline.checkers.base import Checker
from pipeline.engines.base import Engine, Request, finish_all
from pipeline.errors import DataError, RequestFailed
from pipeline.grade import TRUNCATED, try_grade
from pipeline.measures.records import AnswerRow
from pipeline.prompts import Prompt
from pipeline.sample import make_conversation
from pipeline.stages import QUIET, Progress
from pipeline.types import Completion, Grade, Message, Problem, SamplingParams, Verdict

Outcome = list[Completion] | Exception


@dataclass(frozen=True)
class Given:
    """One answer, or None and the reason why there is none."""

    text: str | None
    grade: Grade
    tokens: int = 0
    failed: bool = False
    """Whether a request failed for good, the checker's own included."""

    @property
    def verdict(self) -> Verdict:
        """What the checker says; `unknown` for an answer that was not written, or could not be judged."""
        return self.grade.verdict

    @property
    def truncated(self) -> bool:
        """Whether the text was cut off at the token limit."""
        return self.grade.reason == TRUNCATED


@dataclass(frozen=True)
class Answered:
    """One problem's answers."""

    problem: Problem
    greedy: Given
    sampled: tuple[Given, ...] = ()
    second: Given | None = None
    """None where no second turn was asked for, or there was no first answer to check."""

    @property
    def drawn(self) -> tuple[Given, ...]:
        """The sampled answers that were written and judged."""
        return tuple(given for given in self.sampled if not given.failed)

    def rows(self, of: str, model: str) -> Iterator[AnswerRow]:
        """The answers as lines of `answers.jsonl`."""
        kinds = [("greedy", 0, self.greedy), *(("sampled", i, one) for i, one in enumerate(self.sampled))]
        kinds += [] if self.second is None else [("second_turn", 0, self.second)]
        for kind, index, given in kinds:
            yield AnswerRow(
                set=of,
                model=model,
                problem_id=self.problem.id,
                kind=kind,
                index=index,
                text=given.text,
                tokens=given.tokens,
                **given.grade.model_dump(include={"verdict", "extracted", "reason"}),
            )


def read_answers(path: Path, of: str, model: str, kind: str) -> list[AnswerRow]:
    """A model's answers of one kind to one set, from `answers.jsonl`. Raises DataError for a line that is none."""
    rows = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = AnswerRow.model_validate_json(line)
            except ValidationError as error:
                told = f"is not an answer ({error.errors()[0]['msg']}); run `errata evaluate` again"
                raise DataError(path, told, line=number) from error
            if (row.set, row.model, row.kind) == (of, model, kind):
                rows.append(row)
    return rows


@dataclass(frozen=True)
class Asking:
    """How a model is asked: the same for all models of a set."""

    checker: Checker
    prompt: Prompt
    params: SamplingParams
    samples: int = 0
    check: Prompt | None = None
    """The user's turn behind a greedy answer, for the second turn."""

    @property
    def greedy(self) -> SamplingParams:
        """`params` at temperature 0."""
        return self.params.model_copy(update={"temperature": 0.0, "seed": None})


async def answer_all(
    engine: Engine,
    problems: Sequence[Problem],
    asking: Asking,
    *,
    at_once: int = 64,
    progress: Progress = QUIET,
    stage: str = "evaluate",
) -> list[Answered]:
    """Ask one model all problems, `at_once` of them under way; those of failed requests are told in their grades."""
    answered: list[Answered] = []
    progress(stage, 0, len(problems))
    for group in cut_groups(problems, max(engine.group_size, at_once)):
        answered += await _answer_group(engine, group, asking)
        progress(stage, len(answered), len(problems))
    return answered


async def _answer_group(engine: Engine, group: Sequence[Problem], asking: Asking) -> list[Answered]:
    asked = [make_conversation(asking.prompt, problem) for problem in group]
    firsts = await engine.complete_many([Request(messages=c, params=asking.greedy) for c in asked])
    many: list[Outcome] = [[] for _ in group]
    if asking.samples:
        many = await engine.complete_many([Request(messages=c, params=asking.params, n=asking.samples) for c in asked])
    calls = (_grade(asking, *told) for told in zip(group, firsts, many, strict=True))
    answered = await finish_all(calls)
    return answered if asking.check is None else await _ask_again(engine, answered, asked, asking, asking.check)


async def _ask_again(
    engine: Engine,
    answered: Sequence[Answered],
    asked: Sequence[tuple[Message, ...]],
    asking: Asking,
    check: Prompt,
) -> list[Answered]:
    """The second turn, behind every greedy answer that there is."""
    there = [i for i, one in enumerate(answered) if one.greedy.text]
    requests = []
    for i in there:
        text = answered[i].greedy.text or ""
        turn = Message(role="user", content=check.fill(answered[i].problem, attempt=text))
        messages = (*asked[i], Message(role="assistant", content=text), turn)
        requests.append(Request(messages=messages, params=asking.greedy))
    replies = await engine.complete_many(requests) if requests else []
    calls = (_grade_one(asking.checker, answered[i].problem, reply) for i, reply in zip(there, replies, strict=True))
    second = dict(zip(there, await finish_all(calls), strict=True))
    return [replace(one, second=second.get(i)) for i, one in enumerate(answered)]


async def _grade(asking: Asking, problem: Problem, first: Outcome, more: Outcome) -> Answered:
    greedy = await _grade_one(asking.checker, problem, first)
    many: list[Outcome]
    if isinstance(more, RequestFailed):  # some of its samples may have been written all the same
        many = [[more.completed[i]] if i in more.completed else more for i in range(asking.samples)]
    elif isinstance(more, Exception):
        raise more
    else:
        many = [[completion] for completion in more]
    sampled = await finish_all(_grade_one(asking.checker, problem, one) for one in many)
    return Answered(problem, greedy, tuple(sampled))


async def _grade_one(checker: Checker, problem: Problem, made: Outcome) -> Given:
    """The first of what was made."""
    if isinstance(made, RequestFailed):
        return Given(None, _ungraded(f"the request failed: {made}"), failed=True)
    if isinstance(made, Exception):
        raise made
    grade, failure = await try_grade(checker, problem, made[0])
    graded = grade or _ungraded(failure or "")
    return Given(made[0].text, graded, made[0].usage.completion_tokens, failed=grade is None)


def _ungraded(reason: str) -> Grade:
    return Grade(verdict="unknown", extracted=None, reason=reason)
