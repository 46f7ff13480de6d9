"""Rows become token ids: the boundary where sampling had it, one end token, nothing cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from trainer.data import add_mismatched, tokenize_rows
from trainer.errors import TrainingInputError


@pytest.fixture(scope="module")
def tokenizer(student_dir: Path) -> Any:
    return AutoTokenizer.from_pretrained(student_dir)


def make_row(chosen: str = "4 * 2 = 8\n#### 8", rejected: str = "4 + 2 = 6\n#### 6", **more: Any) -> dict[str, Any]:
    turn = {"prompt": [{"role": "user", "content": "Tom has 4 pears. Then the number doubles."}]}
    sides = {"chosen": chosen, "rejected": rejected}
    return {**turn, **{name: [{"role": "assistant", "content": text}] for name, text in sides.items()}, **more}


def test_a_conversation_is_split_where_the_model_starts_to_write(tokenizer: Any) -> None:
    (pair,) = tokenize_rows([make_row()], tokenizer)
    assert tokenizer.decode(pair.prompt).endswith("<|end|><|assistant|>")
    assert tokenizer.decode(pair.completions[0]) == "4 * 2 = 8\n#### 8<|end|>"
    assert all(text.count(tokenizer.eos_token_id) == 1 for text in pair.completions)


def test_strings_are_taken_as_they_are_and_end_once(tokenizer: Any) -> None:
    row = {"prompt": "4 * 2 =", "chosen": " 8", "rejected": " 6<|end|>"}
    (pair,) = tokenize_rows([row], tokenizer)
    assert tokenizer.decode(pair.prompt + pair.completions[0]) == "4 * 2 = 8<|end|>"
    assert tokenizer.decode(pair.completions[1]) == " 6<|end|>"


def test_a_template_with_text_behind_the_end_token_keeps_only_the_end(tokenizer: Any, student_dir: Path) -> None:
    other = AutoTokenizer.from_pretrained(student_dir)
    other.chat_template = other.chat_template.replace("<|end|>{%- endfor", "<|end|>{{ '\\n' }}{%- endfor")
    (pair,) = tokenize_rows([make_row()], other)
    assert other.decode(pair.completions[0]).endswith("#### 8<|end|>")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (make_row(chosen=" "), "row 0 .id 7.: chosen is empty"),
        (make_row(chosen="same", rejected="same"), "identical"),
        (make_row(chosen="half \ud83d"), r"row 0 .id 7.: holds half a character, '\\ud83d'"),
        ({"prompt": "p", "chosen": "c"}, "no rejected"),
        ({"prompt": "p", "chosen": "a<|end|>b", "rejected": "c"}, "behind the end token"),
    ],
)
def test_rows_that_cannot_be_trained_on_are_named(tokenizer: Any, row: dict[str, Any], told: str) -> None:
    with pytest.raises(TrainingInputError, match=told):
        tokenize_rows([{**row, "id": 7}], tokenizer)


def test_long_pairs_are_dropped_and_counted_or_an_error_but_never_cut(tokenizer: Any, caplog: Any) -> None:
    rows = [make_row(), make_row(rejected="1 + 1 = 2\n" * 40)]
    (kept,) = tokenize_rows(rows, tokenizer, max_length=100)
    assert kept == tokenize_rows(rows[:1], tokenizer)[0]
    assert "1 of 2 examples are longer" in caplog.text
    with pytest.raises(TrainingInputError, match=r"row 1: .* more than max_length 100"):
        tokenize_rows(rows, tokenizer, max_length=100, overlong="error")
    with pytest.raises(TrainingInputError, match="no example to train on"):
        tokenize_rows(rows, tokenizer, max_length=5)


def test_a_prompts_start_is_cut_only_where_that_is_asked_for(tokenizer: Any, caplog: Any) -> None:
    (whole,) = tokenize_rows([make_row()], tokenizer)
    (cut,) = tokenize_rows([make_row()], tokenizer, max_length=whole.length - 3, overlong="truncate_prompt")
    assert cut.prompt == whole.prompt[3:]
    assert cut.completions == whole.completions
    assert "1 of 1 prompts lost their start" in caplog.text
    rows = [make_row(), make_row(rejected="1 + 1 = 2\n" * 40)]
    assert len(tokenize_rows(rows, tokenizer, max_length=60, overlong="truncate_prompt")) == 1
    assert "1 of 2 examples are longer" in caplog.text


def test_the_prompt_may_stand_inside_both_sides(tokenizer: Any) -> None:
    (wanted,) = tokenize_rows([make_row()], tokenizer)
    row = make_row()
    inside = {side: [*row["prompt"], *row[side]] for side in ("chosen", "rejected")}
    assert tokenize_rows([inside], tokenizer)[0] == wanted
    strings = {"chosen": "4 * 2 is 8", "rejected": "4 * 2 is 6"}
    (made,) = tokenize_rows([strings], tokenizer)
    assert tokenizer.decode(made.prompt) == "4 * 2 is"
    assert tokenizer.decode(made.completions[0]) == " 8<|end|>"
    with pytest.raises(TrainingInputError, match="no common start"):
        tokenize_rows([{"chosen": "a b", "rejected": "c d"}], tokenizer)


TEMPLATE = (
    "{% if tools %}T{{ tools[0].name }} {% endif %}{% if loud %}LOUD {% endif %}"
    "{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}<|end|>{% endif %}{% endfor %}"
)


@pytest.mark.parametrize("tools", [[{"name": "add"}], '[{"name": "add"}]'])
def test_tools_and_template_options_of_a_row_reach_the_template(student_dir: Path, tools: Any) -> None:
    other = AutoTokenizer.from_pretrained(student_dir)
    other.chat_template = TEMPLATE
    (made,) = tokenize_rows([make_row(tools=tools, chat_template_kwargs={"loud": True})], other)
    (plain,) = tokenize_rows([make_row(tools=None)], other)
    start = "Tadd LOUD " + other.decode(plain.prompt)
    assert made.prompt == tuple(other(start, add_special_tokens=False)["input_ids"])
    assert made.completions == plain.completions


def test_rankings_labelled_and_supervised_rows(tokenizer: Any) -> None:
    ranked = {"prompt": "4 * 2 =", "completions": [" 8", " 6", " 2"], "weight": 0.5, "margin": 1}
    (example,) = tokenize_rows([ranked], tokenizer)
    assert [tokenizer.decode(text) for text in example.completions] == [" 8<|end|>", " 6<|end|>", " 2<|end|>"]
    assert (example.weight, example.margin) == (0.5, 1.0)
    (example,) = tokenize_rows([{"prompt": "4 * 2 =", "completion": " 6", "label": False}], tokenizer)
    assert not example.desirable
    assert len(example.completions) == 1
    turns = [{"role": "user", "content": "2 + 2"}, {"role": "assistant", "content": "4"}]
    rows = [
        {"messages": turns},
        {"prompt": turns[:1], "completion": turns[1:]},
        {"prompt": turns[:1], "chosen": turns[1:]},
    ]
    first, *others = tokenize_rows(rows, tokenizer, form="supervised")
    assert all(other.prompt == first.prompt and other.completions == first.completions for other in others)
    for row, told in (
        ({"prompt": "a", "completions": ["b"]}, "at least two texts"),
        ({"prompt": "a", "completions": ["b", "b"]}, r"completions\[0\] and completions\[1\] are identical"),
        ({"prompt": "a", "completion": "b"}, "no label"),
        ({"prompt": "a", "chosen": [{"role": "assistant", "content": "b"}], "rejected": "c"}, "chosen is not"),
        ({"prompt": [{"role": "user", "content": "a"}], "chosen": "b", "rejected": "c"}, "chosen is not"),
        ({"prompt": "", "chosen": "b", "rejected": "c"}, "the prompt is empty"),
    ):
        with pytest.raises(TrainingInputError, match=told):
            tokenize_rows([row], tokenizer)


def test_mismatched_completions_come_from_another_prompt(tokenizer: Any) -> None:
    rows = [{"prompt": p, "chosen": f" {p}1", "rejected": " 0"} for p in ("a", "a", "b")]
    made = add_mismatched(tokenize_rows(rows, tokenizer))
    assert [tokenizer.decode(e.mismatched) for e in made] == [" b1<|end|>", " b1<|end|>", " a1<|end|>"]
    assert all(e.texts == (*e.completions, e.mismatched) for e in made)
