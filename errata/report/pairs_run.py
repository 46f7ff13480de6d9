"""The pairs of a run's folder, with what its journals and files say of them.

The journals are gone through line by line; in memory is where lines stand, and of the pairs the ids alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic_core import from_json

from errata.records import PairCredit
from errata.report.pairs_data import ShownPair, ShownPairs
from pipeline.errors import DataError
from pipeline.journal import parse_record
from pipeline.types import Attempt, Correction, Finding, Grade, Pair, Record, content_id

R = TypeVar("R", bound=Record)


def read_run_pairs(run: Path, most: int) -> ShownPairs:
    """The pairs of a run as `pipeline.load_run` has them, at most `most` of them.

    Pairs whose tokens have rewards come first, then kept ones, each kind in the order of a hash of their ids.
    Raises DataError when the folder is no run, or a file has a broken line.
    """
    journal = run / "pairs.jsonl"
    if not journal.is_file():
        raise DataError(run, "is not the folder of a run (it has no pairs.jsonl)")
    current = _settings(run)
    credits = {line["id"]: offset for offset, line in scan(run / "rewards.jsonl", "id")}
    dropping = {line["pair_id"] for line in _later_findings(run) if line["action"] == "drop"}
    places: dict[str, tuple[int, bool]] = {}
    for offset, line in scan(journal, "id", "settings", "findings"):
        if current.get("pairs") in (None, line["settings"]):
            dropped = any(finding["action"] == "drop" for finding in line["findings"])
            places[line["id"]] = offset, not dropped and line["id"] not in dropping
    numbers = {id: number for number, id in enumerate(places)}
    order = sorted(places, key=lambda key: (key not in credits, not places[key][1], content_id("shown", key)))[:most]
    offsets = {id: places[id][0] for id in order}
    kept = sum(kept for _, kept in places.values())
    return ShownPairs(len(places), kept, _Reader(run, current, offsets, credits, numbers))


@dataclass
class _Reader:
    """Reads the pairs of a run in a given order."""

    run: Path
    current: Mapping[str, str]
    offsets: Mapping[str, int]
    """Where the pairs to show stand, in order."""
    credits: Mapping[str, int]
    numbers: Mapping[str, int]
    """Places among all pairs."""

    def __iter__(self) -> Iterator[ShownPair]:
        journal = Lines(self.run / "pairs.jsonl", Pair)
        related = _Related(self.run, self.current, (journal.at(offset) for offset in self.offsets.values()))
        credits = Lines(self.run / "rewards.jsonl", PairCredit)
        splits = _splits(self.run / "dataset", self.offsets)
        said: dict[str, list[Finding]] = {}
        for line in _later_findings(self.run):
            if line["pair_id"] in self.offsets:
                told = {name: value for name, value in line.items() if name != "pair_id"}
                said.setdefault(line["pair_id"], []).append(Finding.model_validate(told))
        for id, offset in self.offsets.items():
            pair = journal.at(offset)
            findings = (*pair.findings, *said.get(id, ()))
            tries = related.tries(pair)
            won = next((made for made in tries if made.id == pair.correction_id), None)
            yield ShownPair(
                number=self.numbers[id],
                pair=pair,
                dropped_by=next((finding.rule for finding in findings if finding.action == "drop"), None),
                findings=findings,
                split=splits.get(id),
                rejected_grade=related.rejected_grade(pair),
                chosen_grade=won.grade if won is not None else related.confirmed_grade(pair),
                tries=tries,
                prompt_hash=won.prompt_hash if won is not None else None,
                credit=credits.at(self.credits[id]) if id in self.credits else None,
            )


class _Related:
    """Where the attempts and corrections behind pairs stand."""

    def __init__(self, run: Path, current: Mapping[str, str], pairs: Iterator[Pair]) -> None:
        self._mistakes: dict[str, tuple[int, int]] = {}  # by mistake: which journal, where
        self._confirmed: dict[str, tuple[int, int]] = {}  # by pair
        self._texts: dict[str, tuple[int, int]] = {}  # by problem and text
        mistakes, confirming, texts, settings = set(), set(), set(), set()
        for pair in pairs:
            mistakes.add(pair.mistake_id)
            settings.add(pair.settings)
            if pair.confirms:
                confirming.add(pair.id)
            elif pair.view == "revise":
                texts.add(_text_key(pair.problem_id, pair.rejected))
        self._journals = [Lines(run / name, Attempt) for name in ("attempts.jsonl", "second_tries.jsonl")]
        for which, journal in enumerate(self._journals):
            for offset, line in scan(journal.path, "id", "problem_id", "completion"):
                if (mistake := content_id("mistake", line["id"])) in mistakes:
                    self._mistakes[mistake] = which, offset
                if confirming and not which:
                    ids = (content_id(line["id"], of, "revise") for of in settings)
                    self._confirmed |= {id: (which, offset) for id in ids if id in confirming}
                if texts and line["completion"] is not None:
                    key = _text_key(line["problem_id"], line["completion"]["text"].strip())
                    if key in texts:
                        self._texts[key] = which, offset
        self._corrections = Lines(run / "corrections.jsonl", Correction)
        self._tries: dict[str, dict[str, int]] = {}
        for offset, line in scan(self._corrections.path, "id", "mistake_id", "settings"):
            wanted = current.get("corrections") in (None, line["settings"])
            if wanted and line["mistake_id"] in mistakes:
                self._tries.setdefault(line["mistake_id"], {})[line["id"]] = offset

    def tries(self, pair: Pair) -> tuple[Correction, ...]:
        """All tries to correct the pair's mistake."""
        return tuple(self._corrections.at(offset) for offset in self._tries.get(pair.mistake_id, {}).values())

    def rejected_grade(self, pair: Pair) -> Grade | None:
        """Of the answer that is rejected. A pair that revises names the mistake it repairs, which may be another."""
        if pair.view == "revise" and not pair.confirms:
            return self._grade(self._texts.get(_text_key(pair.problem_id, pair.rejected)))
        return self._grade(self._mistakes.get(pair.mistake_id))

    def confirmed_grade(self, pair: Pair) -> Grade | None:
        """Of a right attempt that is kept."""
        return self._grade(self._confirmed.get(pair.id))

    def _grade(self, place: tuple[int, int] | None) -> Grade | None:
        return None if place is None else self._journals[place[0]].at(place[1]).grade


class Lines(Generic[R]):
    """Records of a journal by the offsets of their lines."""

    def __init__(self, path: Path, model: type[R]) -> None:
        self.path, self.model = path, model

    def at(self, offset: int) -> R:
        """The record of the line at `offset`. Raises DataError."""
        with self.path.open("rb") as file:
            file.seek(offset)
            return parse_record(self.path, self.model, file.readline())


def scan(path: Path, *fields: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (offset, object) of a file of JSON lines, a torn last line left out; nothing where there is no file.

    Raises DataError for a line that is no object or lacks one of the fields.
    """
    if not path.is_file():
        return
    offset = 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.endswith(b"\n"):
                try:
                    found = from_json(line)
                except ValueError as error:
                    raise DataError(path, f"is not JSON: {error}", line=number) from error
                if not isinstance(found, dict) or not found.keys() >= set(fields):
                    raise DataError(path, f"is not an object with {', '.join(fields)}", line=number)
                yield offset, found
            offset += len(line)


def _settings(run: Path) -> dict[str, str]:
    summary = run / "summary.json"
    told: dict[str, str] = from_json(summary.read_bytes()).get("settings", {}) if summary.is_file() else {}
    return told


def _later_findings(run: Path) -> Iterator[dict[str, Any]]:
    """What filters and the selection say of pairs, named by their `pair_id`."""
    for name in ("findings.jsonl", "selection.jsonl"):
        for _, line in scan(run / name, "pair_id", "rule", "action"):
            yield line


def _splits(dataset: Path, wanted: Collection[str]) -> dict[str, str]:
    """The split in which each pair is, as the data set's files say."""
    splits: dict[str, str] = {}
    for file in sorted(dataset.glob("*.parquet")):
        import pyarrow.parquet

        for batch in pyarrow.parquet.ParquetFile(file).iter_batches(columns=["id"]):
            split = file.name.partition("-")[0]
            splits |= {id: split for id in batch.column(0).to_pylist() if id in wanted}
    return splits


def _text_key(problem: str, text: str) -> str:
    return content_id(problem, text)
