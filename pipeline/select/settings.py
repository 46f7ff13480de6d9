"""Settings of the selection and of the search for evaluation problems; nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from pipeline.errors import ConfigError
from pipeline.select.candidates import Preference
from pipeline.settings import Settings


class SelectSettings(Settings):
    """Which of the pairs stay in the data set. Every rule is off unless it is set.

    They apply in the order in which they stand here, and all of the limits hold together in the end.
    """

    near_duplicates: float | None = Field(default=None, ge=0.5, le=1)
    """Jaccard similarity of word 3-grams (in Chinese, of character 3-grams) of question and rejected text from which a
    pair is dropped for being like one of another problem. 0.8 is a usual value."""
    max_never_correct: float | None = Field(default=None, ge=0, le=1)
    """Largest share of the kept pairs whose problem the student never got right: it may be out of reach for it."""
    topic: str | None = None
    """Column that names a problem's topic."""
    max_topic_share: float | None = Field(default=None, gt=0, le=1)
    """Largest share of the kept pairs that one topic may have; with fewer topics than 1/share, an equal share.

    Pairs of problems without a topic count in the total alone.
    """
    balance_length: float | None = Field(default=None, ge=0, le=0.5)
    """How far the share of pairs whose chosen text is the longer one may be from 1/2; equal lengths count as a half.

    Of the side that is too frequent, pairs with the largest difference in characters are dropped first.
    """
    max_pairs: int | None = Field(default=None, ge=1)
    """Keep no more than this many pairs."""
    prefer: Preference = "middle"
    """Which pairs stay where not all may: those of problems solved about half of the time (`middle`), those of the
    problems solved least (`hardest`), or `any`, drawn by their ids."""

    @property
    def selects(self) -> bool:
        """Whether any rule is set."""
        return self != SelectSettings(topic=self.topic, prefer=self.prefer)

    @model_validator(mode="after")
    def _topic_is_named(self) -> SelectSettings:
        if self.max_topic_share is not None and self.topic is None:
            raise ValueError("max_topic_share needs `topic`, the column that names it")
        return self


class EvaluationFile(Settings):
    """A file of evaluation problems that must not be trained on."""

    path: str
    """A .jsonl, .csv or .parquet file, or the id or folder of a `datasets` data set."""
    subset: str | None = None
    """Configuration name of a `datasets` data set."""
    split: str = "test"
    """Split of a `datasets` data set."""
    question: str = "question"
    """Column of the question."""
    rationale: str | None = None
    """Column of the worked solution; where one is named, worked solutions of the problems are looked at, too."""


def _from_path(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


class DecontaminateSettings(Settings):
    """Which problems are left out since they stand in evaluation files. Nothing is looked for without `files`."""

    files: tuple[Annotated[EvaluationFile, BeforeValidator(_from_path)], ...] = ()
    """The evaluation files; a bare path is enough."""
    n: int = Field(default=13, ge=1)
    """Consecutive words (in Chinese, characters) that a problem may not share with an evaluation problem; shorter
    questions may not be the same as a whole."""
    min_share: float = Field(default=0, ge=0, le=1)
    """Smallest share of a problem's n-grams that must be found for it to be left out; at 0, one n-gram is enough.

    Above 0 it spares problems that share only a standard phrase, such as how to write the answer.
    """

    def check(self) -> None:
        """Raises ConfigError when a named file is not there; looks at nothing inside."""
        for number, file in enumerate(self.files):
            path = Path(file.path)
            if (path.suffix or path.is_absolute() or file.path.startswith(".")) and not path.exists():
                raise ConfigError(f"problems.decontaminate.files[{number}].path: there is no file {file.path}")
