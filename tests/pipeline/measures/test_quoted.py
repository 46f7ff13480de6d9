"""Short questions are found as whole sentences of a longer text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.measures.folding import fold
from pipeline.measures.quoted import Quoted

SENTENCES = st.lists(
    st.sampled_from(["Tom is here.", "Who was it?", "Say why:", "It is 3.5 miles!", "No."]), max_size=7
)


def find(question: str, text: str) -> bool:
    return list(Quoted([question]).find(fold(text).sentences)) == [0]


@given(SENTENCES.filter(lambda made: 4 <= len(" ".join(made).split()) < 9), SENTENCES, SENTENCES)
def test_a_question_is_found_whatever_sentences_stand_around_it(
    question: list[str], before: list[str], after: list[str]
) -> None:
    assert 0 in Quoted([" ".join(question)]).find(fold(" ".join(before + question + after)).sentences)
    assert 0 in Quoted([" ".join(question)]).find(fold("\n".join(before + question + after)).sentences)


def test_a_question_needs_four_words_or_twelve_characters_without_spaces() -> None:
    assert find("Who was it then?", "So? Who was it then? Say it.")
    assert not find("Who was it?", "So? Who was it? Say it.")
    assert find("一共有几个苹果和梨子呢啊?", "请回答:一共有几个苹果和梨子呢啊?")
    assert not find("一共有几个苹果?", "请回答:一共有几个苹果?")
    assert find("ประเทศไทยมีกี่จังหวัด", "ตอบ: ประเทศไทยมีกี่จังหวัด")


def test_long_questions_are_left_to_near_copies() -> None:
    for words in (12, 13):
        question = "word " * words
        assert find(question, f"Say: {question}. Now!") == (words == 12)


def test_a_text_of_full_stops_takes_no_longer_than_another() -> None:
    held = Quoted(["a b c d e f g h i j k " + "x" * 50_000])
    assert list(held.find(fold("a. " * 33_000).sentences)) == []
