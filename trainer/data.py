"""Rows -> examples of token ids. Nothing is truncated unless asked; what does not fit is counted, or an error.

A row is what TRL takes, as strings or as conversations (with `tools` and `chat_template_kwargs`, where there are any):

    pairs       prompt, chosen, rejected          (without a prompt: what both sides begin with)
    rankings    prompt, completions (best first)
    labelled    prompt, completion, label         (true: desirable)
    supervised  prompt, completion                (or prompt, chosen; or messages)

and beside them, for every form, `weight` (of the example in the loss) and `margin` (by which the best should win).
No token spans the boundary of prompt and completion: it is where it was when the text was sampled.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from trainer.conversations import complete_prompt, render
from trainer.errors import TrainingInputError

log = logging.getLogger(__name__)

Row = Mapping[str, Any]
Ids = tuple[int, ...]
Form = Literal["preference", "supervised"]


@dataclass(frozen=True)
class Example:
    """A prompt with its completions as token ids, best first; each completion ends with exactly one end token."""

    prompt: Ids
    completions: tuple[Ids, ...]
    """Chosen and rejected; or any number that are ranked; or a single one."""
    where: str = "row"
    """Names the row in messages."""
    desirable: bool = True
    """For a single completion: whether it is one to learn or to avoid."""
    weight: float = 1.0
    margin: float = 0.0
    mismatched: Ids | None = None
    """Another prompt's completion, where a loss estimates its KL from such (KTO)."""
    reference: tuple[Any, ...] = ()
    """Log-probs of the reference, an fp32 vector for each text, in nats; empty until they are computed."""

    @property
    def texts(self) -> tuple[Ids, ...]:
        """All token sequences that a forward pass has to score."""
        return self.completions if self.mismatched is None else (*self.completions, self.mismatched)

    @property
    def length(self) -> int:
        """Tokens of the longest text, prompt included."""
        return len(self.prompt) + max(map(len, self.texts))


def tokenize_rows(
    rows: Iterable[Row],
    tokenizer: Any,
    *,
    max_length: int | None = None,
    overlong: str = "drop",
    form: Form = "preference",
) -> list[Example]:
    """Tokenise rows of one of the forms above.

    `overlong` says what becomes of an example beyond `max_length` tokens: "drop" leaves it out, "truncate_prompt" cuts
    the prompt's start off, both counted and told; "error" raises. Raises TrainingInputError, naming the row, for a
    missing column, an empty completion, identical sides, a tokenizer without the template or end token that is needed,
    text behind the end token, or no example at all.
    """
    examples, dropped, cut = [], 0, 0
    for number, row in enumerate(rows):
        where = f"row {number}" + (f" (id {row['id']})" if "id" in row else "")
        example = _tokenize(row, tokenizer, where, form)
        if max_length is not None and example.length > max_length:
            excess = example.length - max_length
            if overlong == "error":
                raise TrainingInputError(f"{where}: {example.length} tokens, more than max_length {max_length}")
            if overlong == "drop" or excess >= len(example.prompt):
                dropped += 1
                continue
            example = replace(example, prompt=example.prompt[excess:])
            cut += 1
        examples.append(example)
    total = dropped + len(examples)
    if dropped:
        log.warning("%d of %d examples are longer than max_length %s and left out", dropped, total, max_length)
    if cut:
        log.warning("%d of %d prompts lost their start to fit into max_length %s", cut, total, max_length)
    if not examples:
        raise TrainingInputError(f"there is no example to train on ({dropped} were longer than max_length)")
    return examples


def _tokenize(row: Row, tokenizer: Any, where: str, form: Form) -> Example:
    prompt, sides = read_sides(row, where, form)
    conversation = not isinstance(prompt, str)
    if conversation:
        start, texts = render(prompt, sides, tokenizer, row, where)
    else:
        start, texts = prompt, dict(sides)
        if wrong := [name for name, text in texts.items() if not isinstance(text, str)]:
            raise TrainingInputError(f"{where}: prompt is a string, {wrong[0]} is not")
    for name, text in texts.items():
        if not text.strip():
            raise TrainingInputError(f"{where}: {name} is empty")
    try:
        "".join((start, *texts.values())).encode()
    except UnicodeEncodeError as error:
        raise TrainingInputError(f"{where}: holds half a character, {error.object[error.start]!a}") from error
    prompt_ids = tokenizer(start, add_special_tokens=not conversation)["input_ids"]
    if prompt_ids and prompt_ids[-1] == tokenizer.eos_token_id and not conversation:
        prompt_ids.pop()  # some tokenizers end every text
    if not prompt_ids:
        raise TrainingInputError(f"{where}: the prompt is empty; the first token needs one before it")
    completions = tuple(
        tuple(end_once(continue_ids(tokenizer, start, prompt_ids, text, special=not conversation), tokenizer, where))
        for text in texts.values()
    )
    first_with: dict[Ids, str] = {}
    for name, completion in zip(texts, completions, strict=True):
        if completion in first_with:
            raise TrainingInputError(f"{where}: {first_with[completion]} and {name} are identical")
        first_with[completion] = name
    return Example(
        tuple(prompt_ids),
        completions,
        where,
        desirable=_read_label(row, where),
        weight=_read_number(row, "weight", 1.0, where),
        margin=_read_number(row, "margin", 0.0, where),
    )


def read_sides(row: Row, where: str, form: Form) -> tuple[Any, dict[str, Any]]:
    """The prompt and the named completions, best first."""
    if form == "supervised":
        if row.get("messages"):
            *before, last = row["messages"]
            return before, {"messages": [last]}
        names = ["completion"] if row.get("completion") is not None else ["chosen"]
    elif row.get("completions") is not None:
        if len(row["completions"]) < 2:
            raise TrainingInputError(f"{where}: completions needs at least two texts, best first")
        _need(row, ["prompt"], where)
        return row["prompt"], {f"completions[{i}]": text for i, text in enumerate(row["completions"])}
    elif row.get("completion") is not None:
        _need(row, ["prompt", "label"], where)
        return row["prompt"], {"completion": row["completion"]}
    else:
        names = ["chosen", "rejected"]
    _need(row, names, where)
    if row.get("prompt") is None and len(names) == 2:
        prompt, *sides = complete_prompt(row["chosen"], row["rejected"], where)
        return prompt, dict(zip(names, sides, strict=True))
    _need(row, ["prompt"], where)
    return row["prompt"], {name: row[name] for name in names}


def _need(row: Row, names: Sequence[str], where: str) -> None:
    if missing := [name for name in names if row.get(name) is None]:
        raise TrainingInputError(
            f"{where}: no {', '.join(missing)}; a row needs prompt, chosen and rejected (or prompt, completions; "
            "or prompt, completion, label)"
        )


def continue_ids(tokenizer: Any, start: str, prompt: list[int], text: str, *, special: bool) -> list[int]:
    """Token ids of `text` behind the prompt's ids: as the model writes them, without a space that some tokenizers
    put before every text of its own."""
    whole: list[int] = tokenizer(start + text, add_special_tokens=special)["input_ids"]
    if whole[: len(prompt)] == prompt:
        return whole[len(prompt) :]
    alone: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]  # a token would span the boundary
    return alone


def _read_label(row: Row, where: str) -> bool:
    value = True if row.get("label") is None else row["label"]
    if value not in (True, False):  # 0 and 1 are equal to these
        raise TrainingInputError(f"{where}: label is {value!r}, must be true or false")
    return bool(value)


def _read_number(row: Row, name: str, default: float, where: str) -> float:
    value = default if row.get(name) is None else row[name]
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or (name == "weight" and value < 0):
        raise TrainingInputError(f"{where}: {name} is {value!r}, not a number that can be used")
    return float(value)


def end_once(ids: list[int], tokenizer: Any, where: str) -> list[int]:
    """The ids up to and with the first end token, which is added where there is none."""
    end = tokenizer.eos_token_id
    if end is None:
        raise TrainingInputError("the tokenizer has no end token (eos_token)")
    if end not in ids:
        return [*ids, end]
    first = ids.index(end)
    if tokenizer.decode(ids[first + 1 :]).strip():
        raise TrainingInputError(f"{where}: there is text behind the end token {tokenizer.eos_token!r}")
    return ids[: first + 1]


def add_mismatched(examples: Sequence[Example]) -> list[Example]:
    """Give each example a completion of the next one with another prompt, as KTO's estimate of the KL needs it."""
    prompts = {example.prompt for example in examples}
    if len(prompts) < 2:
        raise TrainingInputError("kto estimates its KL from other prompts' completions; there is only one prompt")
    made = []
    for i, example in enumerate(examples):
        others = (examples[(i + step) % len(examples)] for step in range(1, len(examples)))
        other = next(o for o in others if o.prompt != example.prompt)
        made.append(replace(example, mismatched=other.completions[0]))
    return made
