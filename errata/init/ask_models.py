"""Who errs and who corrects."""

from __future__ import annotations

from rich.text import Text

from errata.init.models import (
    PRESETS,
    RUNS,
    guess_engine,
    has_gpu,
    is_local,
    key_is_missing,
    make_endpoint,
    make_student,
    make_teacher,
    parse_variable,
)
from errata.init.questions import Asker
from pipeline.engines import endpoint
from pipeline.engines.base import EngineSettings
from pipeline.errors import ConfigError
from pipeline.identity import check_model
from pipeline.problems import ProblemSettings

SERVER = "NAME=MODEL@ADDRESS"
FREE = {"input_price": 0.0, "output_price": 0.0}
"""Of a server on this machine."""


def ask_student(asker: Asker) -> tuple[EngineSettings, str | None]:
    """The student, and the model to be trained where the student is a server's."""
    needs = "a model folder, a hub id, or MODEL@ADDRESS of an OpenAI-compatible server"
    engine = asker.given["--student-engine"]
    student = asker.ask(
        "--student", f"{needs[:1].upper()}{needs[1:]}", lambda text: make_student(text, engine), needs=needs
    )
    if isinstance(student, endpoint.Settings):
        student = _with_key(asker, student, "--student-key-env")
        if is_local(student):
            student = make_endpoint(student.model_dump(exclude_unset=True) | FREE)
        ask = "Folder or hub id of the same model, to be trained (empty: build the pairs only)"
        return student, asker.ask("--train-model", ask, _read_model, guess="")
    if asker.given["--train-model"] is not None:
        raise ConfigError("--train-model: the student is on this machine, and is trained itself; leave it out")
    offered = {name: about for name, about in RUNS.items() if name != "endpoint"}
    model = str(student.local_model)
    made = asker.choose(
        "--student-engine", "What runs it", offered, lambda text: make_student(model, text), guess=guess_engine()
    )
    if has_gpu() and made.engine == "transformers":  # type: ignore[attr-defined]  # every engine's Literal name
        asker.say("On a GPU vLLM is many times faster: pip install 'errata\\[vllm]', then engine: vllm.")
    if not asker.interactive:
        asker.say(Text(f"{model}, engine {made.engine}: {RUNS[made.engine]}."))  # type: ignore[attr-defined]
    return made, None


def _read_model(text: str) -> str | None:
    if text:
        check_model(text)
    return text or None


def _with_key(asker: Asker, engine: endpoint.Settings, option: str) -> endpoint.Settings:
    """The engine with the name of the variable that holds its key, where it needs one; says whether it is set."""
    if asker.given[option] is not None or (engine.api_key_env is None and not is_local(engine)):
        ask = "Environment variable that holds its key (empty: it needs none)"
        key = asker.ask(option, ask, parse_variable, guess="")
        engine = make_endpoint({**engine.model_dump(exclude_unset=True), "api_key_env": key})
    if (missing := key_is_missing(engine)) is not None:
        asker.say(Text(f"The variable {missing} is not set; set it to your key before the run.", style="yellow"))
    elif engine.api_key_env is not None:
        asker.say(Text(f"The variable {engine.api_key_env} is set.", style="green"))
    return engine


def ask_teacher(asker: Asker, problems: ProblemSettings) -> tuple[dict[str, endpoint.Settings], bool]:
    """The teacher by name, where one is asked, and whether the data's own solutions correct."""
    offered = {name: f"{preset['model']} at {preset['base_url']}" for name, preset in PRESETS.items()}
    offered[SERVER] = "another OpenAI-compatible server: type it like this"
    if problems.rationale:
        offered["reference"] = f"nobody is asked: the data's own worked solutions, in column {problems.rationale}"
    offered["none"] = "nobody is asked: the student's own right answers correct its wrong ones"

    def read(text: str) -> tuple[str, endpoint.Settings] | str:
        if text == SERVER:
            raise ConfigError("type it: for example mine=my-model@http://127.0.0.1:8000/v1")
        if text == "reference" and not problems.rationale:
            raise ConfigError("the data have no column of worked solutions; name it with --rationale")
        return text if text in ("reference", "none") else make_teacher(text)

    guess = None if not asker.interactive else "reference" if problems.rationale else "none"
    teacher = asker.choose("--teacher", "Teacher", offered, read, guess=guess, needs=f"one of {', '.join(offered)}")
    if isinstance(teacher, str):
        if not asker.interactive:
            asker.say(Text(f"{offered[teacher][:1].upper()}{offered[teacher][1:]}."))
        return {}, teacher == "reference"
    name, engine = teacher
    if not asker.interactive:
        asker.say(Text(f"{engine.model} at {engine.base_url}."))
    return {name: _with_prices(asker, _with_key(asker, engine, "--teacher-key-env"))}, False


def _with_prices(asker: Asker, engine: endpoint.Settings) -> endpoint.Settings:
    """The engine with its prices, from which a run's cost is foreseen and limited."""

    def read(text: str) -> tuple[float, float] | None:
        if not text:
            return None
        try:
            read, written = (float(part) for part in text.replace("/", " ").split())
        except ValueError as error:
            raise ConfigError(f"{text!r} is not two numbers, such as 0.28/0.42") from error
        return read, written

    known = "" if engine.input_price is None else f"{engine.input_price:g}/{engine.output_price:g}"
    if asker.given["--teacher-price"] is None and is_local(engine):
        return make_endpoint(engine.model_dump(exclude_unset=True) | FREE)
    ask = "Your provider's price of a million tokens read/written (empty: not known)"
    prices = asker.ask("--teacher-price", ask, read, guess=known)
    if known and asker.given["--teacher-price"] is None and not asker.interactive:
        asker.say(Text(f"The prices, {known} a million tokens, are examples: put in your provider's.", style="yellow"))
    kept = engine.model_dump(exclude_unset=True, exclude={"input_price", "output_price"})
    return make_endpoint(kept | ({"input_price": prices[0], "output_price": prices[1]} if prices else {}))
