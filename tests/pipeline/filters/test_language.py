"""Another script than the question's or the rejected text's is told; figures and names of points are no language."""

from __future__ import annotations

import pytest

from pipeline.filters.language import Settings
from tests.pipeline.filters.conftest import CHINESE, QUESTION, RIGHT, RIGHT_ZH, WRONG, make_pair

LONG_ZH = "先算还剩下多少个蛋：十六减三再减四，等于九个。每个卖两元，一共十八元。"


@pytest.mark.parametrize(
    ("question", "chosen", "rejected", "told"),
    [
        (CHINESE, RIGHT, LONG_ZH, "Han script, the solution in Latin"),
        (QUESTION, LONG_ZH, WRONG, "Latin script, the solution in Han"),
        (QUESTION, LONG_ZH, LONG_ZH, "the solution in Han"),
        (QUESTION, "Осталось девять яиц, это восемнадцать долларов.", WRONG, "Cyrillic"),
        (QUESTION, RIGHT, LONG_ZH, "written in Latin script, the rejected text in Han"),
    ],
)
def test_another_script_is_told(question: str, chosen: str, rejected: str, told: str) -> None:
    found = Settings().find(make_pair(chosen, rejected, question=question))
    assert found is not None
    assert told in found.reason
    assert found.action == "drop"


@pytest.mark.parametrize(
    ("question", "chosen", "rejected"),
    [
        (QUESTION, RIGHT, WRONG),
        (CHINESE, RIGHT_ZH, LONG_ZH),
        (CHINESE, "16 - 3 - 4 = 9\n9 * 2 = 18\n#### 18", LONG_ZH),
        ("在三角形ABC中，AB=AC，求∠B。", "因为AB=AC，所以∠B=∠C=70°。", "所以∠B=40°，这是答案。"),
        ("Find α in the triangle.", "The angle α is 180° − 2β, so α ≈ 40°.", "α = 30° by symmetry."),
    ],
)
def test_one_script_is_left_alone(question: str, chosen: str, rejected: str) -> None:
    assert Settings().find(make_pair(chosen, rejected, question=question)) is None


def test_both_texts_may_be_in_the_language_of_an_earlier_turn() -> None:
    check = "Check this answer. If it is right, write it again."
    assert Settings().find(make_pair(LONG_ZH, RIGHT_ZH, question=check, system=f"{CHINESE}\n\n{LONG_ZH}")) is None
    assert Settings().find(make_pair(RIGHT, LONG_ZH, question=check, system=f"{CHINESE}\n\n{LONG_ZH}")) is not None
