"""A journal of very many attempts, written faster than they can be made."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pipeline.journal import seal
from pipeline.types import Attempt, Completion, Grade

TEXT = "In the morning it sells 1234, in the afternoon 56.\n1234 + 56 = 1290\nSo it sells 1290 boxes.\n#### 1290"
ID = "0" * 16


def write_attempts(path: Path, count: int) -> None:
    """`count` attempts with ids of their own, sealed as the journal seals them."""
    grade = Grade(verdict="correct", extracted="1290", reason="the same text as 1290")
    attempt = Attempt(
        id=ID, problem_id=ID, index=0, engine="student", settings=ID, completion=Completion(text=TEXT), grade=grade
    )
    _, behind = attempt.model_dump_json().encode().split(f'{{"id":"{ID}"'.encode(), 1)
    with path.open("wb", buffering=1 << 20) as file:
        for number in range(count):
            id = hashlib.sha256(number.to_bytes(8, "big")).hexdigest()[:16].encode()
            file.write(seal(b'{"id":"' + id + b'"' + behind))
