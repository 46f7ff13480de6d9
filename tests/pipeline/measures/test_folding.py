"""A folded question forgets how it is written, and keeps what it asks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.measures.folding import fold, fold_question

TEXTS = st.text(st.sampled_from("ab5 .?!:;\n*-+—“\"'`<>[]()/\u200b\u0301²½１？。几个"), max_size=40) | st.text(
    max_size=40
)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("  What\n IS ｉｔ？ ", "what is it"),
        ("¿Qué es?", "qué es"),
        ("«Who’s he»—", "who ' s he"),
        ("3−4 × 5 ÷ ½", "3 - 4 * 5 / 1 / 2"),
        ("10¹² and x₂, 3½", "10 ^ 12 and x_2 , 3 1 / 2"),
        ("3\u20624 \u00ad+ 3\u20644", "3 * 4 + 3 + 4"),
        ("5!?", "5 !"),
        ("f'", "f '"),
        ("5% :", "5 %"),
        ("3 + 4 = ____", "3 + 4 ="),
        ("**Who is it?**", "who is it"),
        ("小明有 3 个", "小 明 有 3 个"),
        ("?!", "? !"),
        ("", ""),
    ],
)
def test_a_folded_question_reads_so(text: str, folded: str) -> None:
    assert fold_question(text) == fold(text).whole == folded


@given(TEXTS)
def test_a_text_is_folded_as_a_whole_by_either_way_and_by_nothing_unseen(text: str) -> None:
    assert (
        fold(text).whole == fold_question(text) == fold_question(f" {text}\u200b\n") == fold_question(f"\ufeff{text}")
    )


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Tom has 3.5 l. How much is it? Say", ["tom has 3 . 5 l", "how much is it", "say"]),
        ("A 3:4 or 3 : 4; 5! + 1", ["a 3 : 4 or 3 : 4 ; 5 ! + 1"]),
        ("Question 1: Who? Question: 3+4", ["question 1", "who", "question", "3 + 4"]),
        ("答：3+4。1.小明", ["答", "3 + 4", "1", "小 明"]),
        ("- Who\n(a) Whom\n2) Whose\n- 3 + 4", ["who", "whom", "whose", "- 3 + 4"]),
        ("<q>Who?</q> <p>x<sub>1</sub>", ["< q > who", "< / q >", "< p >", "x < sub > 1", "< / sub >"]),
        ("?! ...", []),
    ],
)
def test_a_text_is_cut_into_sentences_and_lines(text: str, sentences: list[str]) -> None:
    assert fold(text).sentences == sentences


@pytest.mark.parametrize(
    "unit",
    [
        "\u0301",
        " ",
        "\n",
        ": ",
        "<a",
        "*",
        "!",
        "a. ",
        "'",
        "\n-",
        "_",
        "[",
        "(1) ",
        "\u200b",
        "²",
        "几",
        "—",
        "\n- - ",
    ],
)
def test_long_texts_of_one_sign_are_folded(unit: str) -> None:
    text = f"e{unit * (50_000 // len(unit))}x"
    assert fold(text).whole == fold_question(text)
    assert len(fold(f"\n{text}:{text}").sentences) <= len(text)
