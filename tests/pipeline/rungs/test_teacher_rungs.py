"""What teachers are asked, how their replies are read, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.engines.scripted import Settings as ScriptedSettings
from pipeline.errors import ConfigError, RequestFailed
from pipeline.prompts import Prompts
from pipeline.rungs import gold_guided, masked_solution, revise
from pipeline.rungs.base import Needs
from pipeline.types import Problem
from tests.pipeline.rungs.conftest import PROBLEM, RIGHT, WRONG, Asked, Drafts, make_mistake

REPLY = f"<diagnosis>line 3: doubling is no addition</diagnosis>\n<solution>\n{RIGHT}\n</solution>"
CHINESE = Problem(
    id="z", question="小明有 23 个苹果，又买了 4 盒，每盒 6 个，然后数量翻倍。现在有多少个？", answer="94"
)


def test_revise_shows_the_attempt_and_hides_the_gold_answer(drafts: Drafts) -> None:
    teacher = Asked(REPLY)
    (draft,) = drafts(revise.Settings(teacher="t"), teacher)
    shown = teacher.messages[0][0].content
    assert WRONG in shown
    assert PROBLEM.question in shown
    assert "94" not in shown
    assert "#### <answer>" in shown
    assert (draft.text, draft.diagnosis, draft.repaired) == (RIGHT, "line 3: doubling is no addition", False)


def test_gold_guided_shows_the_gold_answer(drafts: Drafts) -> None:
    teacher = Asked(REPLY)
    rung = gold_guided.Settings(teacher="t")
    (draft,) = drafts(rung, teacher)
    assert "known to be: 94" in teacher.messages[0][0].content
    assert WRONG not in teacher.messages[0][0].content
    assert draft.text == RIGHT
    assert rung.gold_visible


def test_the_masked_solution_gives_no_number_of_its_own_away(drafts: Drafts) -> None:
    teacher = Asked(REPLY)
    (draft,) = drafts(masked_solution.Settings(teacher="t"), teacher)
    shown = teacher.messages[0][0].content
    assert "4 * 6 = ■" in shown
    assert not any(number in shown for number in ("94", "47"))
    assert draft.text == RIGHT
    bare = make_mistake(problem=PROBLEM.model_copy(update={"rationale": None}))
    assert drafts(masked_solution.Settings(teacher="t"), Asked(), mistake=bare)[0].failure


def test_a_malformed_reply_is_asked_for_once_more_and_then_recorded(drafts: Drafts) -> None:
    teacher = Asked("Tom has 94 apples.", REPLY)
    (draft,) = drafts(revise.Settings(teacher="t"), teacher)
    assert (draft.text, draft.repaired) == (RIGHT, True)
    roles = [message.role for message in teacher.messages[1]]
    assert roles == ["user", "assistant", "user"]
    assert "it has no <solution>…</solution>" in teacher.messages[1][2].content
    (failed,) = drafts(revise.Settings(teacher="t"), Asked("one", "two"))
    assert failed.text is None
    assert failed.failure == "the teacher's reply cannot be read: it has no <solution>…</solution>"
    assert failed.completion is not None
    assert failed.completion.text == "two"
    (unasked,) = drafts(revise.Settings(teacher="t", repairs=0), Asked("one"))
    assert unasked.failure


def test_a_failed_request_is_a_failed_try_and_the_next_sample_is_asked_for(drafts: Drafts) -> None:
    made = drafts(revise.Settings(teacher="t", samples=2), Asked(RequestFailed("overloaded"), REPLY))
    assert [(draft.failure, draft.text) for draft in made] == [("overloaded", None), (None, RIGHT)]


@pytest.mark.parametrize("word", ["attempt_right", "gold_wrong"])
def test_an_objection_has_its_reason_and_no_text(drafts: Drafts, word: str) -> None:
    (draft,) = drafts(revise.Settings(teacher="t"), Asked(f"<{word}>47 + 2 is meant</{word}>"))
    assert (draft.text, draft.objection, draft.diagnosis) == (None, word, "47 + 2 is meant")
    assert draft.failure
    assert "47 + 2 is meant" in draft.failure


def test_a_server_that_enforces_schemas_is_asked_for_json(drafts: Drafts) -> None:
    reply = json.dumps({"diagnosis": "d", "verdict": "solution", "solution": RIGHT})
    teacher = Asked(reply)
    (draft,) = drafts(revise.Settings(teacher="t"), teacher, enforces=True)
    assert draft.text == RIGHT
    assert "JSON" in teacher.messages[0][0].content
    assert json.loads(teacher.params[0].json_schema or "")["required"] == ["diagnosis", "verdict", "solution"]
    plain = Asked(RIGHT)
    assert drafts(revise.Settings(teacher="t", reply="plain"), plain, enforces=True)[0].text == RIGHT
    assert plain.params[0].json_schema is None


def test_chinese_questions_want_chinese_solutions(drafts: Drafts) -> None:
    mistake = make_mistake(problem=CHINESE)
    english = "<solution>First, 4 boxes of 6 apples are 24 apples.\n#### 94</solution>"
    chinese = "<diagnosis>第三步</diagnosis><solution>4 盒共 24 个，一共 47 个，翻倍后是 94 个。\n#### 94</solution>"
    teacher = Asked(english, chinese)
    refused, kept = drafts(revise.Settings(teacher="t", samples=2), teacher, mistake=mistake)
    assert refused.text
    assert refused.failure
    assert "the solution in Latin" in refused.failure
    assert kept.failure is None
    assert CHINESE.question in teacher.messages[0][0].content
    assert "in the language in which the problem is written" in teacher.messages[0][0].content
    anything = revise.Settings(teacher="t", language="any")
    assert drafts(anything, Asked(english), mistake=mistake)[0].failure is None


def test_options_of_a_question_are_shown_with_their_letters(drafts: Drafts) -> None:
    problem = PROBLEM.model_copy(update={"extras": {"choices": ("49", "94")}})
    teacher = Asked(REPLY)
    drafts(revise.Settings(teacher="t"), teacher, mistake=make_mistake(problem=problem))
    assert "\nA. 49\nB. 94" in teacher.messages[0][0].content


def test_data_never_acts_as_a_template(drafts: Drafts) -> None:
    teacher = Asked(REPLY)
    drafts(revise.Settings(teacher="t"), teacher, mistake=make_mistake("{{ 7 * 7 }} {% if %} #### 49"))
    assert "{{ 7 * 7 }} {% if %} #### 49" in teacher.messages[0][0].content


def check(
    rung: revise.Settings | gold_guided.Settings | masked_solution.Settings, example: Problem, folder: Path | None
) -> None:
    engine = ScriptedSettings(replies=("x",))
    rung.check(Needs(Prompts(folder), example, engine, {"t": engine}))


def test_a_rung_without_what_it_needs_is_refused_by_name(tmp_path: Path) -> None:
    bare = Problem(id="p", question="q", answer=None)
    with pytest.raises(ConfigError, match="rung gold_guided: needs gold answers"):
        check(gold_guided.Settings(teacher="t"), bare, None)
    with pytest.raises(ConfigError, match="rung masked_solution: needs worked solutions"):
        check(masked_solution.Settings(teacher="t"), Problem(id="p", question="q", answer="1"), None)
    (tmp_path / "revise.jinja").write_text("{{ question }} {{ answer }}")
    with pytest.raises(ConfigError, match=r"revise.jinja: there is no 'answer' .the gold answer is hidden"):
        check(revise.Settings(teacher="t"), PROBLEM, tmp_path)
    check(revise.Settings(teacher="t"), PROBLEM, None)
