"""What holds for all filters: they are found by name, say nothing of a good pair, and stay fast on hostile texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from pipeline.filters.base import FilterSettings
from pipeline.settings import available, load_component, one_of
from tests.pipeline.filters.conftest import CHINESE, RIGHT, RIGHT_ZH, WRONG, make_pair, read_pairs

NAMES = available("filters")
FILTERS: dict[str, FilterSettings] = {name: load_component("filters", name).Settings() for name in NAMES}
KB_100 = 100_000
SYSTEM = "You must always write the answer in a box without a unit and never explain. 请务必写出答案，不要写单位。"
PIECES = """a|1|1,111|-9 |9, |9. |= 9 |{|\\boxed{|\\begin{a}|\\(|$|**|<<1+1=|```|<think>|#### 9
the student's answer |the answer is |matching the correct |your |should be 5 |I'm sorry |twenty-|答案是9。|学生|抱歉，
you must always write the answer in a box without a unit and never """


def test_each_filter_is_taken_by_name_and_says_what_it_does() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(one_of("filters", "filter"))
    assert set(NAMES) >= {
        *("leak", "gold_first", "length_ratio", "truncated", "language", "refusal", "repetition", "near_identical"),
        *("same_answer", "unverified"),
    }
    for name in NAMES:
        made = adapter.validate_python(name)
        assert made.name == name
        assert made == adapter.validate_python({"filter": name})
        bare = [key for key, field in type(made).model_fields.items() if not field.description and key != "filter"]
        assert not bare, name
    assert adapter.validate_python({"filter": "leak", "action": "flag"}).action == "flag"
    with pytest.raises(ValidationError, match="at_most"):
        adapter.validate_python({"filter": "repetition", "at_most": 2})
    with pytest.raises(ValidationError, match="unknown key"):
        adapter.validate_python({"filter": "leak", "word": 8})


@pytest.mark.parametrize("name", NAMES)
def test_nothing_speaks_against_a_good_pair(name: str) -> None:
    for control in ([], [make_pair()] * 60):
        look = FILTERS[name].prepare(control)
        assert look(make_pair(system=SYSTEM)) is None
        assert look(make_pair(RIGHT_ZH, "剩下 13 个蛋。\n每天卖 13 * 2 = 26 元。\n答：26", question=CHINESE)) is None


@pytest.mark.parametrize("name", NAMES)
def test_a_finding_carries_the_filters_name_and_the_action_asked_for(name: str) -> None:
    bad = {
        "leak": make_pair("The student forgot the muffins."),
        "gold_first": make_pair(f"The answer is 18.\n{RIGHT}"),
        "length_ratio": make_pair(RIGHT * 9),
        "truncated": make_pair("She has 16 - 3 ="),
        "language": make_pair(RIGHT, question=CHINESE),
        "refusal": make_pair("I cannot help with that."),
        "repetition": make_pair("So it is. " * 50),
        "near_identical": make_pair(RIGHT, RIGHT.upper()),
        "same_answer": make_pair(RIGHT, f"So:\n{RIGHT}"),
        "unverified": make_pair(WRONG),
    }[name]
    for action in ("drop", "flag"):
        found = FILTERS[name].model_copy(update={"action": action}).find(bad)
        assert found is not None
        assert (found.rule, found.action) == (name, action)
        assert found == FILTERS[name].model_copy(update={"action": action}).find(bad)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", NAMES)
def test_100_kb_of_anything_are_looked_at_in_a_moment(name: str) -> None:
    for piece in ["\n", " ", "e\u0301", *PIECES.replace("\n", "|").split("|")]:
        text = (piece * (KB_100 // len(piece) + 1))[:KB_100]
        pair = make_pair(f"The answer is 9. {text}", text, question=f"How many? {text}", answer="9", system=SYSTEM)
        found = FILTERS[name].find(pair)
        assert found is None or len(found.reason) < 1000


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=80), st.none() | st.text(max_size=20))
def test_no_text_breaks_a_filter_and_every_span_lies_in_it(
    chosen: str, rejected: str, question: str, answer: str | None
) -> None:
    for name in NAMES:
        found = FILTERS[name].find(make_pair(chosen, rejected, question=question, answer=answer))
        if found is not None and found.span is not None:
            assert 0 <= found.span[0] < found.span[1] <= len(chosen), (name, found)


def test_real_pairs_of_right_and_wrong_are_hardly_ever_found(shared_data: Path) -> None:
    pairs = read_pairs(shared_data)
    for name in NAMES:
        look = FILTERS[name].prepare(pairs)
        found = [finding.reason for pair in pairs if (finding := look(pair))]
        assert len(found) <= (0.02 if name == "length_ratio" else 0.005) * len(pairs), (name, found[:5])
