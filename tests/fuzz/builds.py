"""Hostile problems, answers and teachers through whole commands: builds, evaluations, reports, and `errata init`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.replies import SPOKEN
from tests.fuzz.runs import REPLIES, content_of, write_config
from tests.fuzz.tables import GOLD, files, write
from tests.fuzz.target import Target, command, keep, told
from tests.fuzz.texts import expand, texts

ENDINGS = (".jsonl", ".jsonl", ".csv", ".parquet")
ASKED = {"teacher": "t", "samples": 2}
LADDERS: dict[str, list[Any]] = {
    "own": ["own_correct", "reference"],
    "revise": [{"rung": "revise", **ASKED}, "reference"],
    "gold_guided": [{"rung": "gold_guided", **ASKED, "reply": "json"}],
    "masked_solution": [{"rung": "masked_solution", **ASKED, "reply": "plain"}],
    "continue_fix": [{"rung": "continue_fix", **ASKED}],
}


def run_build(given: Any, folder: Path) -> str:
    """The whole flow, twice: the second time changes nothing. Then what else there is to be done with a run."""
    path = write(given["file"], folder, "problems")
    replies, teacher = ([expand(reply) or "x" for reply in given[of]] for of in ("replies", "teacher"))
    problems = {"path": str(path), "on_bad_row": "skip", "rationale": "solution", **given["settings"]}
    student = {"engine": "scripted", "replies": replies}
    config = write_config(
        folder,
        problems=problems,
        student=student,
        teachers={"t": {"engine": "scripted", "replies": teacher}},
        correct={"rungs": LADDERS[given["ladder"]], "on_objection": "continue"},
        checker=given["checker"],
        sample={"n": len(replies)},
        evaluate={
            "problems": {**problems, "path": str(write(given["held"], folder, "held"))},
            "models": {"m": student},
        },
    )
    run = folder / "runs" / "run"
    code, _, err = command("build", config)
    if code == 0:
        before = content_of(run)
        again, _, err = command("build", config)
        keep((again, content_of(run)) == (0, before), f"built again, it is another: {again} {err}")
    also, _, said = command(given["then"], config if given["then"] == "evaluate" else run, *THEN[given["then"]])
    return f"{told(code, err, folder)[:40]}, {told(also, said, folder)[:30]}"


def run_init(given: Any, folder: Path) -> str:
    """`errata init` looks at hostile problems, and writes a configuration that passes its own check."""
    path = write(given["file"], folder, "problems")
    config = folder / "made.yaml"
    asked = ("--data", path, "--student", "m@http://127.0.0.1:9/v1", "--teacher", "none", "--yes", "--no-preview")
    code, _, err = command("init", config, *asked, *given["more"])
    if code == 0:
        checked, _, also = command("build", config, "--check")
        keep(checked in (0, 2), f"the configuration that was written is not taken: {also}")
    return told(code, err, folder)


THEN: dict[str, tuple[str, ...]] = {"evaluate": ("--evaluate.samples", "2"), "report": (), "audit": ("--json",)}
TEACHER = st.one_of(SPOKEN, texts(*REPLIES, most=2))
BUILT = st.fixed_dictionaries(
    {
        "file": files(("question", "answer", "solution", "level"), ENDINGS, answer=GOLD),
        "held": files(("question", "answer", "solution", "level"), ENDINGS, answer=GOLD),
        "settings": st.fixed_dictionaries({}, optional={"extras": st.sampled_from((["level"], ["x.y"]))}),
        "replies": st.lists(texts(*REPLIES, most=3), min_size=1, max_size=4),
        "teacher": st.lists(TEACHER, min_size=2, max_size=4),
        "ladder": st.sampled_from(tuple(LADDERS)),
        "checker": st.sampled_from(("numeric", "exact", "math")),
        "then": st.sampled_from(tuple(THEN)),
    }
)
MORE = ((), ("--held-out", "split"), ("--checker", "math"), ("--answer-pattern", "-"))
INITED = st.fixed_dictionaries(
    {
        "file": files(("question", "answer", "solution", "id"), ENDINGS, answer=GOLD),
        "more": st.sampled_from(MORE).map(list),
    }
)
TARGETS = (
    Target("builds", BUILT, run_build, examples=4, weight=4),
    Target("inits", INITED, run_init, examples=4),
)
