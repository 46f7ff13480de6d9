"""What becomes of a model's answers, those that were never written included."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pipeline.checkers.numeric import Settings as Numeric
from pipeline.engines.base import Engine
from pipeline.engines.scripted import Settings as Scripted
from pipeline.errors import RequestFailed
from pipeline.measures.answering import Answered, Asking, answer_all
from pipeline.measures.score import score
from pipeline.prompts import Prompts
from pipeline.types import Completion, Message, Problem, SamplingParams

PROBLEMS = [Problem(id=str(n), question=f"What is {n}?", answer="1") for n in range(3)]


class Flaky(Engine):
    """Writes `#### 1`, `#### 2` and so on; the third sample and those behind it fail for good."""

    identity = "flaky"

    async def complete(
        self, messages: Sequence[Message], *, n: int = 1, params: SamplingParams, offset: int = 0
    ) -> list[Completion]:
        made = {i: Completion(text=f"#### {i + 1}") for i in range(offset, min(n, 2))}
        if len(made) < n:
            raise RequestFailed("sample 2 was refused", made)
        return list(made.values())


def ask(engine: Engine, samples: int, *, check: bool = False) -> list[Answered]:
    async def work() -> list[Answered]:
        async with Numeric().create() as checker, engine:
            prompts = Prompts()
            asking = Asking(checker, prompts.load("student"), SamplingParams(), samples, None)
            if check:
                asking = Asking(
                    checker, prompts.load("student"), SamplingParams(), samples, prompts.load("check_answer")
                )
            return await answer_all(engine, PROBLEMS, asking)

    return asyncio.run(work())


def test_a_sample_whose_request_failed_keeps_its_place_and_its_reason() -> None:
    answered = ask(Flaky(), 3)
    for one in answered:
        assert [given.verdict for given in one.sampled] == ["correct", "wrong", "unknown"]
        assert [given.failed for given in one.sampled] == [False, False, True]
        assert len(one.drawn) == 2
        rows = [row for row in one.rows("held_out", "m") if row.kind == "sampled"]
        assert [row.index for row in rows] == [0, 1, 2]
        assert rows[2].text is None
        assert "sample 2 was refused" in rows[2].reason
    told = score(answered, (1, 3))
    assert (told.samples, told.samples_failed) == (3, 3)
    assert told.pass_at[1].value == 0.5, "of the samples that there are"
    assert 3 not in told.pass_at, "no problem has three"


def test_the_second_turn_shows_the_model_its_own_answer() -> None:
    for one in ask(Scripted(replies=("#### 1",)).create(), 0, check=True):
        assert one.second is not None
        assert one.second.verdict == "correct"
        assert [row.kind for row in one.rows("s", "m")] == ["greedy", "second_turn"]


def test_without_a_first_answer_there_is_no_second_turn() -> None:
    for one in ask(Scripted(replies=("",)).create(), 0, check=True):
        assert one.second is None
