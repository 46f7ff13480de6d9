"""Reference log-probs: per token, computed once with the policy's own kernels and packing, and kept by content.

The cache's key is what a value depends on, and nothing else: the reference's weights and how it computes, the prompt's
and the text's token ids. So other losses, other settings, more data or another split never compute a known one again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import broadcast_object_list, gather_object

from trainer.balance import balance
from trainer.data import Example
from trainer.disk import find_refusal, on_main, told_of
from trainer.errors import TrainingInputError
from trainer.head import inner_model
from trainer.layouts import Layout, score_plan
from trainer.origin import is_fresh
from trainer.packing import split_unit

log = logging.getLogger(__name__)

NUMERICS = "1"
"""Raised when the same weights would give other log-probs: older entries are then not found."""
Vector = np.ndarray[Any, np.dtype[np.float32]]
FETCHED = 500
"""Keys in one query."""


class ReferenceCache:
    """Log-probs on disk, a SQLite file in WAL mode: several processes of a machine may read and write it.

    It is opened when it is first asked, so that of the ranks of a training one alone needs to see its disk.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._made = False

    def _open(self) -> sqlite3.Connection:
        if self._made:
            return sqlite3.connect(self._path, timeout=60)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=60)
        connection.execute("PRAGMA journal_mode=WAL")
        with connection:
            connection.execute("CREATE TABLE IF NOT EXISTS logps (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")
        self._made = True
        return connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Another file, or a damaged one, as TrainingInputError; a full disk stays what it is."""
        try:
            yield
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            if find_refusal(error) is not None:
                raise
            raise TrainingInputError(
                f"reference_cache {self._path} cannot be used: {error}; name another file, or remove this one: "
                "what it held is computed anew"
            ) from error

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Vector]:
        """What is known of these keys."""
        found: dict[bytes, Vector] = {}
        with self._told(), closing(self._open()) as connection:
            for start in range(0, len(keys), FETCHED):
                part = keys[start : start + FETCHED]
                query = f"SELECT key, value FROM logps WHERE key IN ({','.join('?' * len(part))})"  # noqa: S608
                for key, value in connection.execute(query, part):
                    found[key] = np.frombuffer(value, dtype=np.float32)
        return found

    def put(self, entries: dict[bytes, Vector]) -> None:
        """Add entries; what is there already stays."""
        rows = [(key, value.tobytes()) for key, value in entries.items()]
        with self._told(), closing(self._open()) as connection, connection:
            connection.executemany("INSERT OR IGNORE INTO logps VALUES (?, ?)", rows)


def hash_weights(model: Any) -> str:
    """Hash of all weights and of how they compute: configuration and dtype."""
    digest = hashlib.blake2b(NUMERICS.encode())
    plain = inner_model(model)
    config = {k: v for k, v in plain.config.to_dict().items() if not k.startswith("_") and k != "transformers_version"}
    digest.update(json.dumps(config, sort_keys=True, default=str).encode())
    device = next(plain.parameters()).device.type
    if torch.is_autocast_enabled(device):
        digest.update(str(torch.get_autocast_dtype(device)).encode())
    weights = plain.state_dict()
    fresh = is_fresh(plain)
    for name, tensor in sorted(weights.items()):
        if fresh and ".lora_" in name:
            continue
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def text_key(weights: str, prompt: Sequence[int], text: Sequence[int]) -> bytes:
    """Key of one text's log-probs."""
    digest = hashlib.blake2b(weights.encode(), digest_size=20)
    digest.update(np.array([len(prompt), *prompt, *text], dtype=np.int64).tobytes())
    return digest.digest()


def add_reference(
    model: Any,
    examples: Sequence[Example],
    layout: Layout,
    *,
    pad: int,
    budget: int,
    cache: ReferenceCache | None = None,
    rank: int = 0,
    ranks: int = 1,
) -> list[Example]:
    """The examples with the log-probs that `model` gives to each of their texts; ranks share the work.

    Rank 0 alone reads and writes the cache, after each part of the pass, so its file may lie anywhere. Raises NotSaved
    where the disk is full; what is in the cache is found again. What fails in its cache fails in all of them.
    """
    cache, is_main = (cache, True) if rank == 0 else (None, False)
    (weights,) = broadcast_object_list([hash_weights(model) if cache else ""])
    keys = [[text_key(weights, example.prompt, text) for text in example.texts] for example in examples]
    known = on_main(is_main, lambda: cache.get(sorted({key for row in keys for key in row})) if cache else {}) or {}
    missing = [i for i, row in enumerate(keys) if any(key not in known for key in row)]
    if cache:
        log.info("reference log-probs: %d of %d examples known", len(examples) - len(missing), len(examples))
    share = {"rank": rank, "ranks": ranks}
    for part in compute_logps(model, [examples[i] for i in missing], layout, pad=pad, budget=budget, **share):
        own = {keys[missing[i]][k]: vector for (i, k), vector in part.items()}
        fresh: dict[bytes, Vector] = {}
        for made in gather_object([own]):
            fresh = made | fresh
        for key, vector in fresh.items():
            known.setdefault(key, vector)  # what was known first stays, here as in the cache
        with told_of("the cache of reference log-probs", lambda: "make room and start again; what it has is kept"):
            on_main(is_main, partial(cache.put, fresh) if cache else lambda: None)
    return [
        replace(example, reference=tuple(known[key] for key in row))
        for example, row in zip(examples, keys, strict=True)
    ]


TOGETHER = 256
"""Examples of each rank that are packed together."""


def compute_logps(
    model: Any, examples: Sequence[Example], layout: Layout, *, pad: int, budget: int, rank: int = 0, ranks: int = 1
) -> Iterator[dict[tuple[int, int], Vector]]:
    """For some examples at a time, the log-probs of each (example, text) that this rank computes.

    All ranks yield equally often, and together everything. Work is shared out by tokens; a prompt's examples stay
    together as far as that goes.
    """
    order = sorted(range(len(examples)), key=lambda i: (examples[i].prompt, i))  # a prompt's examples share a trie
    for start in range(0, len(order), TOGETHER * ranks):
        numbers = order[start : start + TOGETHER * ranks]
        group = [examples[i] for i in numbers]
        shares = balance(layout.units(group, budget), ranks, len, partial(split_unit, examples=group))
        made: dict[tuple[int, int], Vector] = {}
        for plan in layout.fill(shares[rank], budget):
            scored = score_plan(model, plan, group, layout, pad)
            made |= {(numbers[i], k): vector.numpy() for (i, k), vector in scored.items()}
        yield made
