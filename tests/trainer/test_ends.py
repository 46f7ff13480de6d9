"""Where tokens end in a text: the pieces between the ends are the text, whatever it is written in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, ByT5Tokenizer, PreTrainedTokenizerFast

from trainer.data import tokenize_rows
from trainer.ends import Placed, place_tokens

ROOT = Path(__file__).parents[2]
TEXTS = [
    "5 * 5 = 25\n#### 25",
    "你好，世界。答案：四",
    "a👩‍👩‍👧b 🏳️‍🌈",
    "e\u0301a\u0300\u0323 n\u0303",
    "trailing  \n ",
    "  leading",
    "x",
    " .",
    "\n\nhi\n\n",
    "مرحبا ‮abc‬",
    "\U0010ffff\ufffd\u200b!",
]
THINKING = """{%- for m in messages -%}<|{{ m['role'] }}|>
{%- if m['role'] == 'assistant' -%}
{%- set parts = m['content'].split('</think>') -%}
{{ '<think>\n' + (parts[0].replace('<think>', '').strip('\n') if parts | length > 1 else '') + '\n</think>\n\n' }}
{{- parts[-1].strip('\n') -}}
{%- else -%}{{ m['content'] }}{%- endif -%}
{{ '<|end|>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}<|assistant|>{%- endif -%}"""
"""Like those of models that think: an empty block before an answer without thoughts."""


def make_tokenizer(kind: str) -> Any:
    student = ROOT / "errata" / "demo" / "student"
    if kind == "student":
        return AutoTokenizer.from_pretrained(student)
    template = (student / "chat_template.jinja").read_text()
    if kind == "slow":
        return ByT5Tokenizer(chat_template=template.replace("<|end|>", "</s>"))
    if kind == "thinking":
        tokenizer = AutoTokenizer.from_pretrained(student)
        tokenizer.chat_template = THINKING
        return tokenizer
    if kind == "trimming":
        tokenizer = AutoTokenizer.from_pretrained(student)
        tokenizer.chat_template = template.replace("message['content']", "message['content'] | trim")
        return tokenizer
    bare = Tokenizer(models.BPE())
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    if kind == "normalised":
        bare.normalizer = normalizers.NFC()
    bare.post_processor = processors.ByteLevel(trim_offsets=True)
    special = ["<|pad|>", "<|end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bare.train_from_iterator(
        TEXTS * 9, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, special_tokens=special)
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=bare, eos_token="<|end|>", pad_token="<|pad|>", chat_template=template
    )


KINDS = ("student", "slow", "thinking", "trimming", "trimmed offsets", "normalised")
TOKENIZERS: dict[str, Any] = {}


def place(text: str, kind: str, *, plain: bool = False) -> tuple[Placed, Sequence[int], Any]:
    tokenizer = TOKENIZERS.setdefault(kind, make_tokenizer(kind))
    if plain:
        row: dict[str, Any] = {"prompt": "Say:", "completion": text}
    else:
        asked, said = {"role": "user", "content": "Say?"}, {"role": "assistant", "content": text}
        row = {"prompt": [asked], "completion": [said]}
    (example,) = tokenize_rows([row], tokenizer, form="supervised")
    (placed,) = place_tokens(row, example, tokenizer, "supervised")
    return placed, example.completions[0], tokenizer


def check(placed: Placed, ids: Sequence[int], text: str) -> list[str]:
    assert placed.text == text
    assert len(placed.ends) == len(ids)
    assert list(placed.ends) == sorted(placed.ends)
    pieces = [text[a:b] for a, b in zip((0, *placed.ends), placed.ends, strict=False)]
    assert "".join(pieces) == text
    return pieces


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("plain", [True, False])
def test_the_pieces_are_the_text(text: str, kind: str, plain: bool) -> None:
    placed, ids, _ = place(text, kind, plain=plain)
    check(placed, ids, text)


@pytest.mark.parametrize("kind", ["student", "trimmed offsets", "slow"])
@pytest.mark.parametrize("text", [text for text in TEXTS if text == text.rstrip()])
def test_a_piece_is_what_its_token_writes(text: str, kind: str) -> None:
    """As far as a token is characters of its own; where several spell one, the last of them has it."""
    placed, ids, tokenizer = place(text, kind)
    pieces = check(placed, ids, text)
    told = [tokenizer.decode([token]) for token in ids[:-1]]
    whole = [i for i, one in enumerate(told) if one and "\ufffd" not in one and (kind != "slow" or one.isascii())]
    assert [pieces[i] for i in whole] == [told[i] for i in whole]
    assert pieces[-1] == ""


@settings(max_examples=150, deadline=None)
@given(st.text(min_size=1).filter(lambda text: bool(text.strip())), st.sampled_from(KINDS))
def test_the_pieces_are_any_text(text: str, kind: str) -> None:
    placed, ids, _ = place(text, kind)
    check(placed, ids, text)


def test_what_the_template_puts_before_a_text_ends_at_its_start_and_what_is_behind_at_its_end() -> None:
    placed, ids, tokenizer = place("think", "thinking")
    pieces = check(placed, ids, "think")
    before = [i for i, end in enumerate(placed.ends) if end == 0]
    assert tokenizer.decode(list(ids[: before[-1] + 1])) == "<think>\n\n</think>\n\n"
    assert pieces[-1] == ""
    placed, ids, _ = place("<think>\na b\n</think>\n\nfour", "thinking")
    assert check(placed, ids, "<think>\na b\n</think>\n\nfour")[-2].endswith("r")


def test_marks_stay_with_what_they_stand_on() -> None:
    placed, ids, _ = place("xe\u0301y", "normalised", plain=True)
    assert "e\u0301" in check(placed, ids, "xe\u0301y")


def test_a_text_that_the_template_rewrites_is_told_as_it_is_rendered() -> None:
    tokenizer = make_tokenizer("student")
    tokenizer.chat_template = tokenizer.chat_template.replace("message['content']", "message['content'] | upper")
    row = {"prompt": [{"role": "user", "content": "q"}], "completion": [{"role": "assistant", "content": "abc"}]}
    (example,) = tokenize_rows([row], tokenizer, form="supervised")
    assert place_tokens(row, example, tokenizer, "supervised")[0].text == "ABC<|end|>"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("e" + "\u0301" * 50_000, "normalised"),
        (" \n" * 50_000 + "x", "trimming"),
        ("\U0010ffff" * 25_000, "student"),
        ("\ufffd\U0010ffff" * 2_000, "slow"),
    ],
)
def test_long_hostile_texts_take_no_long(text: str, kind: str) -> None:
    placed, ids, _ = place(text, kind)
    check(placed, ids, text)
