"""Files of preference pairs and of answers, read, audited, exported and graded -> pairs and grades, or an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from pipeline.filtering import texts_of_preference
from pipeline.preferences import open_preferences
from pipeline.types import content_id
from tests.fuzz.tables import GOLD, files, write
from tests.fuzz.target import Target, command, keep, told
from tests.fuzz.texts import FRAGMENTS, KINDS, SOLUTIONS, expand, json_values, mostly, texts

ENDINGS = (".jsonl", ".json", ".json.gz", ".csv", ".parquet", ".jsonl")
ANSWERS = (".jsonl", ".csv", ".parquet", ".jsonl")
SPOILT = [f"{text}{part}" for text in SOLUTIONS[:3] for part in (*FRAGMENTS, *KINDS["halves"] * 9)]
TEXT = st.one_of(
    st.sampled_from(SOLUTIONS),
    texts(*SOLUTIONS, most=2, times=(2, 3, 10, 60, 300)).map(expand),
    st.sampled_from(SPOILT),
)
ROLES = ("user", "assistant", "system", "tool", None, 7)
TURN = st.one_of(
    st.fixed_dictionaries({"role": st.sampled_from(ROLES), "content": TEXT}, optional={"name": json_values()}),
    json_values(),
)
TALK = st.lists(TURN, max_size=3)
SPOKEN = mostly(TEXT, TALK, json_values()).map(json.dumps)
ROWS = st.fixed_dictionaries(
    {"prompt": SPOKEN, "chosen": SPOKEN, "rejected": SPOKEN},
    optional={
        name: json_values().map(json.dumps) for name in ("id", "problem_id", "answer", "pass_rate", "gold_visible", "x")
    },
).map(lambda row: [list(cell) for cell in row.items()])


def make_row(chosen: str, rejected: str, talk: bool, number: int) -> list[list[str]]:
    """A sound row, as conversations or as strings."""

    def say(text: str, role: str) -> str:
        return json.dumps([{"role": role, "content": text}] if talk else text)

    sides = (
        ("prompt", "How many apples?", "user"),
        ("chosen", chosen, "assistant"),
        ("rejected", rejected, "assistant"),
    )
    return [*([name, say(text, role)] for name, text, role in sides), ["id", json.dumps(number)]]


SOUND = st.builds(make_row, TEXT, TEXT, st.booleans(), st.integers(0, 3))
GIVEN = files(("prompt", "chosen", "rejected", "id", "answer", "pass_rate", "confirms"), ENDINGS)
SOUND_ROWS = st.lists(SOUND, min_size=1, max_size=5)
FILES = st.tuples(GIVEN, mostly(SOUND_ROWS, st.lists(ROWS, max_size=3), st.none())).map(
    lambda both: {**both[0], **({} if both[1] is None else {"rows": both[1]})}
)
OPTIONS = st.dictionaries(
    st.sampled_from(("prompt", "chosen", "rejected", "id", "answer", "no")),
    st.sampled_from(("x", None, "id")),
    max_size=1,
)
INPUTS = st.fixed_dictionaries({"file": FILES, "columns": mostly(st.just({}), OPTIONS, of=8)})


def run_preferences(given: Any, folder: Path) -> str:
    path = write(given["file"], folder, "pairs")
    opened = open_preferences(path, columns=given["columns"])
    pairs = list(opened)
    keep(len(pairs) + sum(opened.left_out.values()) == opened.rows, "rows are neither read nor left out")
    for pair in pairs:
        content_id(pair.prompt, pair.chosen, pair.rejected, dict(pair.values))
        seen = texts_of_preference(pair)
        keep(bool(seen.prompt.strip() and seen.chosen and seen.rejected), "a side without a text")
    keep(list(opened) == pairs, "read again, the pairs are others")
    return f"{opened.form}: {min(len(pairs), 3)} read, {sorted(opened.left_out)[:1]}"


def run_audit(given: Any, folder: Path) -> str:
    """`errata audit` and the other commands that take pairs."""
    path = write(given["file"], folder, "pairs")
    code, out, err = command("audit", path, "--json", "--html", folder / "page.html", *given["more"])
    if code == 0:
        json.loads(out)
        keep("<script>alert" not in (folder / "page.html").read_text(), "a text became part of the page")
    cleaned, _, said = command("clean", path, "--out", folder / "clean", *given["clean"])
    if cleaned == 0:
        command("audit", folder / "clean", "--json")
    ended, _, also = command("export", path, "--to", given["to"], "--out", folder / "out", "--kind", given["kind"])
    return ", ".join(told(*one, folder)[:30] for one in ((code, err), (cleaned, said), (ended, also)))


def run_grade(given: Any, folder: Path) -> str:
    """`errata grade`: a grade for every text, in order."""
    path = write(given["file"], folder, "answers")
    out = folder / "grades.jsonl"
    code, told_, err = command("grade", path, "--checker", given["checker"], "--out", out, "--json", *given["more"])
    if code == 0:
        report = json.loads(told_)
        lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        counts = [report[verdict] for verdict in ("correct", "wrong", "unknown")]
        keep(sum(counts) == len(lines), f"{counts} of {len(lines)}")
    return told(code, err, folder)


RIGHT = st.sampled_from(("true", "false", "1", '"yes"', "null", "7"))
COMMANDS = st.fixed_dictionaries(
    {
        "file": FILES,
        "more": st.sampled_from(((), ("--column", "prompt=id"), ("--require-clean",))).map(list),
        "clean": st.sampled_from(((), ("--checker", "numeric"), ("--clean.strips", "[]"))).map(list),
        "to": st.sampled_from(("trl", "llama_factory", "openrlhf", "jsonl", "parquet")),
        "kind": st.sampled_from(("pairs", "sft", "unpaired", "rankings")),
    }
)
GRADED = st.fixed_dictionaries(
    {
        "file": files(("question", "answer", "response", "id", "right"), ANSWERS, answer=GOLD, right=RIGHT),
        "checker": st.sampled_from(("numeric", "exact", "math", "choice")),
        "more": st.sampled_from(
            ((), ("--label", "right"), ("--answer-pattern", "#### (.+)"), ("--response", "answer"))
        ).map(list),
    }
)
TARGETS = (
    Target("preferences", INPUTS, run_preferences, weight=2),
    Target("audits", COMMANDS, run_audit, examples=3),
    Target("grades", GRADED, run_grade, examples=10),
)
