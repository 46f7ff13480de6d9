"""A text that declines is found; what cannot be divided is none."""

from __future__ import annotations

import pytest

from pipeline.filters.base import Texts
from pipeline.filters.refusal import Settings
from tests.pipeline.filters.conftest import make_pair


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but this problem is not for me.",
        "I am very sorry, I do not know.",
        "Sorry, I can't do this one.",
        "Unfortunately, I am unable to answer.",
        "I cannot help with this request.",
        "I can't assist with that.",
        "I won't answer that.",
        "We are not able to provide a solution.",
        "I am unable to solve this problem.",
        "I don't have access to the figure.",
        "I must decline.",
        "As an AI, I have no ducks.",
        "As a large language model I cannot see it.",
        "I'm just an AI.",
        "抱歉，我无法回答这个问题。",
        "对不起，这道题我不会做。",
        "很抱歉，我不能提供答案。",
        "作为一个AI，我没有鸭子。",
        "作为人工智能语言模型，我不能作答。",
        "我是一个语言模型。",
        "我无法为您解答。",
        "这个问题无法回答。",
    ],
)
def test_a_refusal_is_found(text: str) -> None:
    found = Settings().find(make_pair(text))
    assert found is not None
    assert found.action == "drop"
    assert found.span is not None
    assert repr(text[slice(*found.span)]) in found.reason


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("q", "7 cannot be divided by 2, so the eggs cannot be shared evenly."),
        ("q", "We cannot have half an egg, so we round down to 4."),
        ("q", "We can't divide by zero, so x = 0 is not a solution."),
        ("q", "I will help myself to 3 eggs, which leaves 13."),
        ("q", "Unfortunately, he loses 3 eggs, so 13 are left."),
        ("q", "We cannot help but see that 9 * 2 = 18."),
        ("q", "The equation has no solution over the integers."),
        ("q", "7不能被2整除，无法平均分，所以没有整数解。"),
        ("q", "我们不能除以零，所以x不等于0。"),
        ("q", "方程无解，无法求出x的值。"),
        ('He wrote "I\'m sorry, but I am late" 4 times.', 'He wrote "I\'m sorry, but I am late" 4 times.'),
    ],
)
def test_what_cannot_be_done_in_mathematics_is_no_refusal(question: str, text: str) -> None:
    assert Settings().find(make_pair(text, question=question)) is None


def test_no_real_solution_is_a_refusal(real_pairs: list[Texts]) -> None:
    assert [pair.chosen for pair in real_pairs if Settings().find(pair)] == []
