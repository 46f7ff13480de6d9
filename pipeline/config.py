"""All settings of a run: one YAML file, overridden by `ERRATA_…` environment variables, overridden by dotted options.

name: gsm8k
problems: {path: data/train.jsonl, answer_pattern: "#### (.+)"}
student: {engine: endpoint, base_url: http://127.0.0.1:8000/v1, model: my-student}
teachers: {deepseek: {engine: endpoint, base_url: …, model: …, api_key_env: DEEPSEEK_API_KEY}}
correct: {rungs: [{rung: gold_guided, teacher: deepseek}]}
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from pipeline.answer_format.form import AnswerFormat
from pipeline.budget import BudgetSettings
from pipeline.checkers.numeric import Settings as NumericSettings
from pipeline.choose import Rule
from pipeline.cleanups.base import CleanupSettings
from pipeline.components import AnyChecker, AnyCleanup, AnyEngine, AnyFilter, AnyRung
from pipeline.engines.base import EngineSettings
from pipeline.errors import ConfigError
from pipeline.measures.settings import EvaluateSettings, StudentParams
from pipeline.problems import ProblemSettings
from pipeline.prompts import SHIPPED, Prompts
from pipeline.rungs.base import Needs, RungSettings
from pipeline.scale.settings import ScaleSettings
from pipeline.select.settings import SelectSettings
from pipeline.settings import Settings, mend_texts, nearest, refuse_unknown_keys
from pipeline.shortcuts.settings import AuditSettings, CleanSettings
from pipeline.types import Problem, Usage, View

log = logging.getLogger(__name__)
Share = Annotated[float, Field(ge=0, lt=1)]


FILTERS: Any = tuple(
    {"filter": name}
    for name in (
        *("leak", "gold_first", "length_ratio", "truncated"),
        *("language", "refusal", "repetition", "near_identical"),
    )
)
"""Of all filters those that a run needs, whose checker has graded every text."""


class SampleSettings(Settings):
    """How the student is asked."""

    n: int = Field(default=4, ge=1)
    """Attempts per problem."""
    prompt: str = "student"
    """Prompt file without `.jinja`; the shipped one is the bare question."""
    params: StudentParams = StudentParams()
    """Sampling parameters of the student."""


class GradeSettings(Settings):
    """What is known about the checker."""

    false_negative_rate: Share | None = None
    """Share of right answers that the checker calls wrong, for the estimate of the rejected pool's contamination.

    By default it is measured by the second opinions where there are any, and else taken to be 1%.
    """


class CorrectSettings(Settings):
    """The ladder."""

    rungs: tuple[AnyRung, ...] = Field(default=({"rung": "own_correct"}, {"rung": "reference"}), min_length=1)
    """Tried in this order, until one of them gives a text that the checker calls correct."""
    choose: Rule = "first"
    """Which of a rung's right texts wins: the `first`; or, once all its samples are drawn, the one of `shortest_edit`
    to the mistake, of `closest_length` to it, or of the highest mean log-prob under the student (`student_logprob`)."""
    on_objection: Literal["stop", "continue"] = "stop"
    """When a teacher says that the attempt is right or the gold answer wrong: leave the mistake, or try further."""

    model_config = ConfigDict(validate_default=True)


class FormatSettings(Settings):
    """The student's answer format, in which every chosen text is written."""

    student: Literal["auto", "any"] | AnswerFormat = "auto"
    """`auto` finds it in the student's first answers; `any` changes and compares nothing; or its parts, as in
    `{final: "#### {answer}", layout: lines}`."""
    detect_from: int = Field(default=256, ge=4)
    """Answers from which it is found."""
    mismatch: Literal["drop", "flag"] = "drop"
    """What becomes of a pair whose chosen text does not follow it all the same."""


class ReviseSettings(Settings):
    """The view in which the student checks an attempt."""

    prompt: str = "check_answer"
    """Prompt file without `.jinja`: the user's turn behind the attempt."""
    correct_share: float = Field(default=0.5, ge=0, lt=1)
    """Share of the view's pairs whose attempt is right, so that the student does not learn to change everything. It is
    lower where the student has too few right attempts; the summary's `confirming` counts them."""
    second_try: bool = False
    """Ask the student to check each attempt; where it answers wrong, that is the rejected text."""


class PairSettings(Settings):
    """Which pairs are made."""

    max_per_problem: int = Field(default=4, ge=1)
    """Distinct mistakes of one problem that become pairs; further ones are recorded as refused."""
    distinct_answers: bool = False
    """Take one mistake for each wrong answer, not only for each text."""
    order: Literal["as_sampled", "common_first"] = "as_sampled"
    """Which mistakes of a problem are taken first: `common_first` takes the wrong answer that most attempts give."""
    min_pass_rate: float = Field(default=0.0, ge=0, le=1)
    """Problems of which the student solves a smaller share of its attempts are refused before a teacher is asked."""
    max_pass_rate: float = Field(default=1.0, ge=0, le=1)
    """Problems of which it solves a larger share are refused, too."""
    views: tuple[View, ...] = Field(default=("direct",), min_length=1, max_length=2)
    """`direct`: the question; `revise`: question, attempt, and a request to check it."""
    revise: ReviseSettings = ReviseSettings()
    """The view `revise`."""
    select: SelectSettings = SelectSettings()
    """Which pairs stay once all are there."""
    cleanups: tuple[AnyCleanup, ...] = ()
    """Text clean-ups for chosen and rejected alike, in order."""

    @model_validator(mode="after")
    def _sane(self) -> Self:
        if self.min_pass_rate > self.max_pass_rate:
            raise ValueError(f"min_pass_rate {self.min_pass_rate:g} is above max_pass_rate {self.max_pass_rate:g}")
        if len(set(self.views)) < len(self.views):
            raise ValueError("views: each may stand there once")
        return self

    def admits(self, rate: float) -> bool:
        """Whether pairs are made of a problem that the student solves in this share of its attempts."""
        return self.min_pass_rate <= rate <= self.max_pass_rate


class ExportSettings(Settings):
    """The data set's form."""

    format: Literal["conversation", "text"] = "conversation"
    """`conversation`: lists of messages; `text`: plain strings."""
    validation_share: Share = 0.05
    """Share of problems (by hash of their id) whose pairs form the validation split."""


class RunSettings(BaseSettings):
    """Everything that `errata build` and `errata evaluate` need."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$")
    """Name of the run; its folder is `runs_dir/name`. A slash makes a run inside the folder of another."""
    runs_dir: Path = Path("runs")
    """Folder of all runs; the completion cache lies in it, too."""
    problems: ProblemSettings
    """The problems the student is asked."""
    student: AnyEngine
    """The model whose mistakes are looked for."""
    checker: AnyChecker = NumericSettings()
    """Decides between correct, wrong and unknown."""
    teachers: dict[str, AnyEngine] = {}
    """Engines that write corrections, by name."""
    prompts: Path | None = None
    """Folder of prompt files that override the shipped ones."""
    concurrency: int | None = Field(default=None, ge=1)
    """Problems under way at once; by default enough to keep every engine busy."""
    budget: BudgetSettings = BudgetSettings()
    """What the run may spend."""
    scale: ScaleSettings = ScaleSettings()
    """How `errata build --on ray` spreads the work."""
    sample: SampleSettings = SampleSettings()
    """How the student is asked."""
    grade: GradeSettings = GradeSettings()
    """What is known about the checker."""
    format: FormatSettings = FormatSettings()
    """The student's answer format."""
    correct: CorrectSettings = CorrectSettings()
    """The ladder of corrections."""
    pair: PairSettings = PairSettings()
    """Which pairs are made."""
    filters: tuple[AnyFilter, ...] = FILTERS
    """What is looked for in each pair; a finding drops the pair or flags it, as the filter's `action` says."""
    audit: AuditSettings | None = AuditSettings()
    """The shortcut audit of the finished data set; `null` for none."""
    clean: CleanSettings = CleanSettings()
    """How `errata clean` repairs the data set."""
    export: ExportSettings = ExportSettings()
    """The data set's form."""
    evaluate: EvaluateSettings | None = None
    """Held-out evaluation, for `errata evaluate`."""

    @property
    def run_dir(self) -> Path:
        """The run's folder."""
        return self.runs_dir / self.name

    @classmethod
    def settings_customise_sources(  # type: ignore[override]  # the sources left out are not used
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        **_: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Made in code, settings are what the code says; `pipeline.load_settings` adds file and environment."""
        return (init_settings,)

    @model_validator(mode="before")
    @classmethod
    def _known_keys_only(cls, data: object) -> object:
        return refuse_unknown_keys(cls, mend_texts(data))

    @model_validator(mode="after")
    def _teachers_exist(self) -> Self:
        for number, rung in enumerate(self.rungs):
            if rung.teacher_name is not None and rung.teacher_name not in self.teachers:
                advice = nearest(rung.teacher_name, list(self.teachers)) if self.teachers else "; `teachers` is empty"
                raise ValueError(f"correct.rungs.{number}.teacher: unknown teacher {rung.teacher_name!r}{advice}")
        return self

    @property
    def rungs(self) -> tuple[RungSettings, ...]:
        """The ladder's rungs."""
        return self.correct.rungs

    @property
    def cleanups(self) -> tuple[CleanupSettings, ...]:
        """The clean-ups of chosen and rejected."""
        return self.pair.cleanups

    @property
    def engines(self) -> dict[str, EngineSettings]:
        """The student, all teachers, and those that the checker asks, by name."""
        return {"student": self.student, **self.teachers, **self.checker.engines}

    def check(self) -> None:
        """Look at files, keys, folders and prompts without a heavy import. Raises ConfigError."""
        for name in ("student", *self.checker.engines):
            if name in self.teachers:
                raise ConfigError(f"teachers: the name {name!r} is taken; call this teacher something else")
        self.problems.check()
        if self.evaluate is not None:
            self._check_evaluation(self.evaluate)
        check_engines(self.engines, self.budget)
        needs = self.needs()
        prompts, example = needs.prompts, needs.example
        columns, topic = self.problems, self.pair.select.topic
        if topic is not None and topic not in columns.extras:
            raise ConfigError(f"pair.select.topic: add {topic!r} to problems.extras, so that the column is read")
        if columns.answer is None and self.checker.needs_gold:
            raise ConfigError(
                f"checker {self.checker.name}: needs gold answers, and problems.answer is null; name their column, or "
                "take a checker that does without: custom, rater, ratings, reward"
            )
        self._check_scores()
        self._warn_of_unused(prompts)
        self.checker.check(prompts, example)
        prompts.load(self.sample.prompt).fill(example)
        if "revise" in self.pair.views:
            prompts.load(self.pair.revise.prompt).fill(example, attempt="T")
        if self.clean.restyle is not None and self.clean.restyle not in self.teachers:
            advice = nearest(self.clean.restyle, list(self.teachers)) if self.teachers else "; `teachers` is empty"
            raise ConfigError(f"clean.restyle: unknown teacher {self.clean.restyle!r}{advice}")
        if self.clean.restyle is not None:
            prompts.load(self.clean.prompt)
        if self.correct.choose == "student_logprob" and not self.student.scores:
            raise ConfigError("correct.choose: student_logprob needs an engine that scores texts: transformers")
        if self.rungs != CorrectSettings().rungs:  # the default ladder takes what there is
            for number, rung in enumerate(self.rungs):
                try:
                    rung.check(needs)
                except ConfigError as error:
                    raise ConfigError(f"correct.rungs.{number} ({rung.name}): {error}") from error

    def _check_evaluation(self, evaluate: EvaluateSettings) -> None:
        prompts = Prompts(self.prompts)
        for name, one in evaluate.all_sets.items():
            one.problems.check()
            if one.problems.answer is None and (one.checker or self.checker).needs_gold:
                raise ConfigError(f"evaluate, set {name}: its checker needs gold answers, and problems.answer is null")
            if one.prompt is not None:
                prompts.load(one.prompt)
        check_engines(evaluate.models, self.budget)
        if evaluate.second_turn is not None:
            prompts.load(evaluate.second_turn.prompt)

    def needs(self) -> Needs:
        """What rungs are checked against: the prompts, and a problem with what the data's problems have."""
        columns = self.problems
        example = Problem(
            id="example",
            question="Q",
            answer=None if columns.answer is None else "A",
            rationale=None if columns.rationale is None else "R",
            extras=dict.fromkeys((*columns.extras, *self.checker.columns), ""),
        )
        return Needs(Prompts(self.prompts), example, self.student, self.teachers)

    def _warn_of_unused(self, prompts: Prompts) -> None:
        """A misspelt file in the folder of prompts would leave the shipped one in place without a word."""
        named = self.model_dump_json()
        for name, path in prompts.paths.items():
            if path.parent != SHIPPED and not (SHIPPED / path.name).exists() and f'"{name}"' not in named:
                log.warning(
                    "%s: no setting names this prompt%s", path, nearest(name, list(prompts.paths.keys() - {name}))
                )

    def _check_scores(self) -> None:
        """A checker that only scores and the rung `best_worst` need one another."""
        ranks = any(rung.name == "best_worst" for rung in self.rungs)
        if self.checker.scores_only and not ranks:
            raise ConfigError(
                f"checker {self.checker.name}: scores texts and calls none wrong; set correct.rungs: [best_worst]"
            )
        if ranks and not self.checker.gives_scores:
            raise ConfigError(
                f"rung best_worst: checker {self.checker.name} gives no scores; take reward, rater, ratings or custom"
            )
        if ranks and self.sample.n < 2:
            raise ConfigError("rung best_worst: needs sample.n of 2 or more, a best and a worst")
        if ranks and self.pair.revise.second_try:
            raise ConfigError(
                "pair.revise.second_try: a second try cannot be called wrong by a checker that only scores"
            )


def check_engines(engines: Mapping[str, EngineSettings], budget: BudgetSettings) -> None:
    """Look at the engines' files, keys and prices without a heavy import or a request. Raises ConfigError."""
    for name, engine in engines.items():
        try:
            engine.check()
        except ConfigError as error:
            raise ConfigError(f"{name}: {error}") from error
        for part, settings in (engine.members or {"": engine}).items():
            if budget.max_cost is not None and settings.billed and settings.cost(Usage()) is None:
                where = f"{name}/{part}" if part else name
                raise ConfigError(f"budget.max_cost: {where} has no input_price and output_price")
