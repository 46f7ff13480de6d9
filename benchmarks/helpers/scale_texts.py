"""Problems without end and a student for them: sums whose attempts are right, wrong or unreadable by a hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from pipeline.types import Completion, Message, Usage

ASK = "A shop sells {a} boxes in the morning and {b} boxes in the afternoon. How many boxes does it sell in all?"
WORK = "In the morning it sells {a}, in the afternoon {b}.\n{a} + {b} = {c}\nSo it sells {c} boxes.\n#### {c}"


def write_problems(path: Path, count: int) -> None:
    """`count` distinct problems with gold answers and worked solutions, as JSON lines."""
    with path.open("w") as file:
        for number in range(count):
            a, b = 1000 + number, 17 + number % 89
            row = {"question": ASK.format(a=a, b=b), "answer": str(a + b)}
            file.write(json.dumps({**row, "rationale": WORK.format(a=a, b=b, c=a + b)}) + "\n")


def student(messages: Sequence[Message], index: int) -> Completion:
    """Sample `index`: half of the attempts are right, four in ten wrong, one in ten without a final answer."""
    words = messages[-1].content.split()
    a, b = int(words[3]), int(words[9])
    chance = hashlib.sha256(f"{a} {b} {index}".encode()).digest()
    c = a + b + (0 if chance[0] < 128 else 1 + chance[1] % 50)
    text = WORK.format(a=a, b=b, c=c)
    if chance[0] >= 230:
        text = text.rpartition("\n")[0]
    return Completion(text=text, usage=Usage(prompt_tokens=32, completion_tokens=48))
