"""The student goes on from what is right: the prefix is kept to the letter, and token by token."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.answer_format.form import AnswerFormat
from pipeline.engines.scripted import Scripted
from pipeline.engines.scripted import Settings as ScriptedSettings
from pipeline.engines.transformers import Settings as Local
from pipeline.errors import ConfigError
from pipeline.prompts import Prompts
from pipeline.rungs.base import Draft, Needs, Sources
from pipeline.rungs.continue_fix import Settings, join
from pipeline.types import Message, SamplingParams
from tests.pipeline.rungs.conftest import PROBLEM, WRONG, Asked, Drafts, make_attempt, make_mistake

PREFIX = "4 * 6 = 24\n23 + 24 = 47\n"


def test_the_demo_student_goes_on_from_the_right_steps(student_dir: Path) -> None:
    rung = Settings(locate=("recompute",), samples=16)
    mistake = make_mistake()

    async def run() -> list[Draft]:
        async with Local(model=str(student_dir)).create() as student:
            sources = Sources(
                teachers={},
                prompts=Prompts(),
                attempts=(),
                student=student,
                conversation=(Message(role="user", content=PROBLEM.question),),
                student_params=SamplingParams(temperature=1.0, max_tokens=64, seed=1),
                format=AnswerFormat(),
            )
            return [draft async for draft in rung.drafts(mistake, sources)]

    made = asyncio.run(run())
    assert [draft.first_wrong_step for draft in made] == [2] * 16
    texts = [draft.text or "" for draft in made]
    assert all(text.startswith(PREFIX) for text in texts)
    assert all("####" in text for text in texts)
    assert len(set(texts)) > 1, "each continuation is drawn anew"

    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(student_dir)
    shared, rejected = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (PREFIX, WRONG))
    assert rejected[: len(shared)] == shared
    for text in texts:
        assert tokenizer(text, add_special_tokens=False)["input_ids"][: len(shared)] == shared


def test_a_teacher_is_asked_where_recomputation_finds_nothing(drafts: Drafts) -> None:
    mistake = make_mistake("He has 23 apples and finds 24.\nThat makes 47.\nSo he has 49.\n#### 49")
    teacher = Asked("<diagnosis>doubling</diagnosis><first_wrong_step>3</first_wrong_step>")
    student = Asked("Twice that is 94.\n#### 94", "\nSo 49.\n#### 49")
    made = drafts(Settings(teacher="t", samples=2), teacher, mistake=mistake, student=student.engine)
    prefix = "He has 23 apples and finds 24.\nThat makes 47.\n"
    assert [draft.text for draft in made] == [f"{prefix}Twice that is 94.\n#### 94", f"{prefix}So 49.\n#### 49"]
    assert [(draft.first_wrong_step, draft.diagnosis) for draft in made] == [(2, "doubling")] * 2
    assert "[3] So he has 49." in teacher.messages[0][0].content
    assert student.messages[0][-1] == Message(role="assistant", content=prefix)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("<first_wrong_step>9</first_wrong_step>", "the teacher names step 9 of 2"),
        ("<first_wrong_step>0</first_wrong_step>", "the teacher names step 0 of 2"),
        ("<attempt_right>all fine</attempt_right>", "calls the attempt right"),
        ("no idea", "cannot be read"),
    ],
)
def test_a_step_that_is_not_there_is_a_failure(drafts: Drafts, reply: str, told: str) -> None:
    (draft,) = drafts(Settings(teacher="t", repairs=0), Asked(reply), mistake=make_mistake("So he has 49.\n#### 49"))
    assert draft.text is None
    assert told in (draft.failure or "")


def test_without_a_teacher_what_cannot_be_recomputed_is_left(drafts: Drafts) -> None:
    (draft,) = drafts(Settings(locate=("recompute",)), mistake=make_mistake("So he has 49.\n#### 49"))
    assert draft.failure == "no step's arithmetic is wrong"


def test_a_mistake_in_the_first_step_is_answered_anew(drafts: Drafts) -> None:
    student = Asked("4 * 6 = 24\n#### 94")
    mistake = make_mistake("4 * 6 = 25\n#### 49")
    (draft,) = drafts(Settings(locate=("recompute",), samples=1), mistake=mistake, student=student.engine)
    assert draft.text == "4 * 6 = 24\n#### 94"
    assert student.messages[0][-1].role == "user"
    assert draft.teacher_asked is False


def test_what_the_student_said_to_the_bare_question_before_is_not_asked_for_again(drafts: Drafts) -> None:
    drawn: list[int] = []

    def reply(messages: Sequence[Message], index: int) -> str:
        drawn.append(index)
        return "#### 94"

    attempts = [make_attempt("4 * 6 = 25\n#### 49", "wrong", index) for index in range(4)]
    mistake = make_mistake("4 * 6 = 25\n#### 49")
    drafts(Settings(locate=("recompute",), samples=2), mistake=mistake, student=Scripted(reply), attempts=attempts)
    assert drawn == [4, 5]


def test_a_line_break_that_the_template_cut_off_is_not_doubled() -> None:
    assert join("a\n", "\nb") == join("a\n", "b") == "a\nb"
    assert join("a", " b") == "a b"


def test_the_student_must_be_able_to_go_on() -> None:
    from pipeline.engines.recorded import Settings as Recorded

    needs = Needs(Prompts(), PROBLEM, Recorded(path=Path("x.jsonl")), {})
    with pytest.raises(ConfigError, match="cannot go on from a text that is begun"):
        Settings(locate=("recompute",)).check(needs)
    with pytest.raises(ValueError, match="name one, or set locate"):
        Settings()
    scripted = ScriptedSettings(function="json:dumps")
    Settings(teacher="t").check(Needs(Prompts(), PROBLEM, scripted, {"t": scripted}))
