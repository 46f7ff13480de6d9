"""Texts come apart into words, signs and line ends, and back together as people would write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.shortcuts.tokens import NUMBER, join, sentences, tokenize, with_blanks

LIKELY = st.sampled_from("aB'’-.,\\()[]{}$▒3天の。：\n _*#^/<>!\u0301ि\u200d\ufe0f😀🇩🇪👍🏽")
TEXTS = st.text(st.one_of(LIKELY, st.characters()), max_size=30)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Don't go step-by-step; a-b!", ["Don't", "go", "step-by-step", ";", "a", "-", "b", "!"]),
        ("Wow!! **bold** ### -- …", ["Wow", "!!", "**", "bold", "**", "###", "--", "…"]),
        ("共有▒个。So, then", ["共", "有", "▒", "个", "。", "So", ",", "then"]),
        ("a\nb\n\n  \n c", ["a", "\n", "b", "\n\n", "c"]),
        (r"\(x^2 \times \frac{1}{y}\)", ["\\(", "x", "^", "2", "\\times", "\\frac", *"{1}{y}", "\\)"]),
        ("yes ✅👍🏽🇩🇪👩‍💻", ["yes", "✅", "👍🏽", "🇩🇪", "👩‍💻"]),
        ("Ответ верный. हिन्दी café", ["Ответ", "верный", ".", "हिन्दी", "café"]),
        ("the farmers’ market’s", ["the", "farmers", "’", "market’s"]),
    ],
)
def test_words_signs_and_characters_are_tokens(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


@pytest.mark.parametrize(
    "text",
    [
        "So she makes $▒ a day (▒ * ▒ = ▒), don't you see?",
        "It takes ▒/▒ = <<▒/▒ = ▒>> ▒ bolts.\nThat’s ▒%!\n\nDone: yes",
        "所以，一共有▒个苹果。\n答：还剩▒个（已检查）。",
        r"We get \(x^▒ + \frac{▒}{▒}\), and “so on”…",
    ],
)
def test_joined_tokens_read_as_they_were_written(text: str) -> None:
    assert join(tokenize(text)) == text


@given(TEXTS)
def test_joined_tokens_are_the_same_tokens(text: str) -> None:
    assert tokenize(join(tokenize(text))) == tokenize(text)


@given(TEXTS, st.data())
def test_a_part_of_the_tokens_is_written_as_it_is_in_the_whole(text: str, data: st.DataObject) -> None:
    tokens = tokenize(text)
    end = data.draw(st.integers(0, len(tokens)))
    start = data.draw(st.integers(0, end))
    assert join(tokens[start:end]) == "".join(with_blanks(tokens)[start:end]).removeprefix(" ")


@given(TEXTS)
def test_nothing_but_white_space_is_lost(text: str) -> None:
    assert "".join("".join(tokenize(text)).split()) == "".join(text.split())


def test_all_real_texts_come_back(shared_data: Path) -> None:
    lines = (shared_data / "math_attempts" / "attempts.jsonl").read_text().splitlines()
    texts = [text for line in lines for text in json.loads(line)["responses"][:3]]
    lines = (shared_data / "cmath" / "test.jsonl").read_text().splitlines()
    texts += [json.loads(line)["question"] for line in lines]
    for text in texts:
        tokens = tokenize(text)
        assert tokenize(join(tokens)) == tokens


def test_sentences_end_at_stops_and_lines_but_not_behind_numbers_and_titles() -> None:
    text = f"{NUMBER}. Mr. Smith has {NUMBER}.{NUMBER} kg. Is it so? Yes!\nNext line\n\n一共▒个。所以还剩▒个！"
    assert sentences(text) == [
        f"{NUMBER}. Mr. Smith has {NUMBER}.{NUMBER} kg.",
        "Is it so?",
        "Yes!",
        "Next line",
        "一共▒个。",
        "所以还剩▒个！",
    ]


@pytest.mark.parametrize(
    "unit", ["a'", "a-", "\n ", " ", ".", ". ", "!", "*", "\\", "\u0301", "😀\u200d", "的", "’", "Mr."]
)
def test_hostile_texts_are_read_in_one_pass(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    assert tokenize(join(tokenize(text))) == tokenize(text)
    assert len("".join(sentences(text))) <= len(text)
