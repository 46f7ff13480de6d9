"""What is evaluated: problems, models, and how they are asked."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from pipeline.components import AnyChecker, AnyEngine
from pipeline.measures.held_out import HeldOutSettings
from pipeline.problems import ProblemSettings
from pipeline.settings import Settings
from pipeline.types import SamplingParams

HELD_OUT = "held_out"
"""Name of the set that `evaluate.problems` is."""


class StudentParams(SamplingParams):
    """Sampling parameters with a seed, so that a run can be repeated."""

    seed: int | None = 0


class SetSettings(Settings):
    """A further set of problems: edge cases, or another task that must not get worse."""

    problems: ProblemSettings
    """Its problems; none of them may be a training problem."""
    checker: AnyChecker | None = None
    """By default the run's."""
    prompt: str | None = None
    """Prompt file without `.jinja`; by default that of the run's sampling."""
    by: tuple[str, ...] = ()
    """Columns by whose values accuracy is told apart, such as a topic or a level."""

    @property
    def source(self) -> ProblemSettings:
        """Its problems, read with the columns of `by`."""
        columns = dict.fromkeys((*self.problems.extras, *self.by))
        return self.problems.model_copy(update={"extras": tuple(columns)})


class SecondTurnSettings(Settings):
    """The second turn, in which a model checks its own greedy answer."""

    prompt: str = "check_answer"
    """Prompt file without `.jinja`: the user's turn behind the answer."""


class EvaluateSettings(Settings):
    """Held-out problems, the models, and how they are asked."""

    problems: ProblemSettings
    """Held-out problems; none of them may be a training problem."""
    sets: dict[str, SetSettings] = {}
    """Further sets by name: edge cases, other tasks for regressions."""
    models: dict[str, AnyEngine] = {}
    """The models by name, of which the first is what the others are compared with; by default `before`, the student,
    and `after`, the trained one."""
    after: AnyEngine | None = None
    """The trained student; by default the student's settings with `model` set to the run's `policy/`."""
    samples: int = Field(default=4, ge=0)
    """Sampled answers per problem, besides the greedy one."""
    k: tuple[int, ...] | None = None
    """The k of pass@k and maj@k; by default 1 and `samples`."""
    params: StudentParams = StudentParams()
    """Sampling parameters; the greedy answers use temperature 0 and the rest of them."""
    by: tuple[str, ...] = ()
    """Columns by whose values accuracy is told apart, such as a topic or a level."""
    second_turn: SecondTurnSettings | None = None
    """Ask each model to check its greedy answers: `second_turn: {}`."""
    held_out: HeldOutSettings = HeldOutSettings()
    """How training problems among the held-out ones are found."""

    @model_validator(mode="after")
    def _sane(self) -> Self:
        if HELD_OUT in self.sets:
            raise ValueError(f"sets: the name {HELD_OUT!r} is that of evaluate.problems; call this set something else")
        for k in self.k or ():
            if not 1 <= k <= self.samples:
                raise ValueError(f"k: {k} is not between 1 and samples, {self.samples}")
        if self.models and self.after is not None:
            raise ValueError("after: stands for one of the default models; name it in `models`, or leave `models` out")
        return self

    @property
    def ks(self) -> tuple[int, ...]:
        """The k of pass@k and maj@k, ascending."""
        return tuple(sorted(set(self.k if self.k is not None else (1, self.samples)) - {0}))

    @property
    def all_sets(self) -> dict[str, SetSettings]:
        """All sets, the held-out problems first."""
        return {HELD_OUT: SetSettings(problems=self.problems, by=self.by), **self.sets}
