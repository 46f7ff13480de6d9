"""What the shortcut audit sees: false alarms, planted artefacts and their repair, real authors; and what it costs.

    python benchmarks/audit_power.py [--parts null,power,authors,size] [--draws N] [--seeds N] [--jobs N]
                                     [--quick] [--json FILE]

null     Data in which nothing is to be found beyond the control. Each row is a test at a nominal 5%: of a family's
         excess over the control, or of its accuracy against swaps; of the audit as a whole, whether any family has an
         excess after Holm's correction, a marker is named, or the verdict is `marker` or `diffuse`.
power    Eight artefacts, planted in the chosen texts of a share of the prompts of 804 real pairs. `found`: named by a
         marker or an artefact feature; `first`: by the first marker, or by the first such feature where there is none.
         Then `errata clean` without a teacher, which learns from half of the prompts. Innocent are the rows that
         nothing was planted in (shares of the worst seed); `rid` is the share of the others that are dropped or have
         lost four fifths of what was planted, `left` are markers that no repair reached. `signals_lost`: chosen or
         rejected texts that a repair left with fewer of an error signal than they have with and without the artefact,
         `signals_made`: with more of it than either.
authors  Right texts of one model against wrong ones of another, and each model's right against its own wrong ones.
         `matched` is the accuracy on 240 prompts of each set. An own pair has two problems, the others have one.
size     60,000 pairs and a control of 20,000, the texts of real pairs with names and nouns exchanged at random, read
         and audited by a process of its own.

Everything is drawn from seeds. Without the data in ../shared/data there is nothing to measure.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import mean
from typing import Any

from report import ROOT, describe_environment, make_parser, make_target, report

Row = dict[str, Any]
Task = tuple[Any, ...]

PARTS = ("null", "power", "authors", "size")
PREVALENCES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
FROM = 0.05
"""Prevalence from which on lexical artefacts must be found."""
QUICK = ("opener", "markdown", "hint leak")
BLOCK = 10
"""Null draws of one task."""
PAIRS, CONTROL = 60_000, 20_000
LETTERS = re.compile(r"[A-Za-z]{3,}")


def main() -> None:
    from helpers import real_pairs

    parser = make_parser(__doc__ or "")
    parser.add_argument("--parts", default=",".join(PARTS), help="names with commas between")
    parser.add_argument("--draws", type=int, help="draws of each null case")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of each planted artefact")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes, each on its share of cores")
    args = parser.parse_args()
    parts = args.parts.split(",")
    if not real_pairs.has_data():
        report([{"part": part, "skipped": f"{real_pairs.DATA} is absent"} for part in parts], [], args.json)
        return
    args.draws = args.draws or (10 if args.quick else 200)
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
    done = collect([task for part in parts if part != "size" for task in list_tasks(part, args)], args)
    made: dict[str, tuple[list[Row], list[Row]]] = {}
    for part in parts:
        made[part] = measure_size(args.quick) if part == "size" else SUMMARIES[part](done[part])
    for part, (rows, targets) in made.items():
        print(f"\n{part}")
        report(rows, targets, None)
    if args.json:
        content = {
            "environment": describe_environment(),
            "rows": [{"part": part, **row} for part, (rows, _) in made.items() for row in rows],
            "targets": [target for _, targets in made.values() for target in targets],
        }
        args.json.write_text(json.dumps(content, indent=1) + "\n")
        partial_file(args.json).unlink(missing_ok=True)


def list_tasks(part: str, args: argparse.Namespace) -> list[Task]:
    """What is measured for a part, one process at a time."""
    from helpers import power_bench

    if part == "null":
        blocks = [range(start, min(start + BLOCK, args.draws)) for start in range(0, args.draws, BLOCK)]
        return [(part, case, tuple(block)) for case in power_bench.CASES for block in blocks]
    if part == "power":
        names = QUICK if args.quick else tuple(power_bench.artefacts())
        shares, seeds = ((0.05, 0.5), (1,)) if args.quick else (PREVALENCES, range(1, args.seeds + 1))
        cases = itertools.product(names, shares, seeds)
        return [(part, power_bench.NONE, 0.0, 0), *((part, *case) for case in cases)]
    if part == "authors":
        return [(part, name, 3 if args.quick else 20) for name in power_bench.author_sets()]
    raise SystemExit(f"--parts {part}: there are {', '.join(PARTS)}")


def collect(tasks: Sequence[Task], args: argparse.Namespace) -> dict[str, list[Any]]:
    """What each task gave, by part; an interrupted run keeps what it has."""
    done: dict[str, list[Any]] = {}
    told = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // args.jobs))
    started = time.perf_counter()
    with ProcessPoolExecutor(args.jobs, mp_context=get_context("spawn")) as pool:
        for number, (task, made) in enumerate(zip(tasks, pool.map(work, tasks), strict=True), 1):
            done.setdefault(task[0], []).append(made)
            seconds = time.perf_counter() - started
            print(f"{seconds:6,.0f} s  {number}/{len(tasks)}  {task}", file=sys.stderr, flush=True)
            if args.json:
                partial_file(args.json).write_text(json.dumps(done, indent=1))
    if told is None:
        del os.environ["OMP_NUM_THREADS"]
    else:
        os.environ["OMP_NUM_THREADS"] = told
    return done


def partial_file(file: Path) -> Path:
    return file.with_suffix(".partial.json")


def work(task: Task) -> Any:
    """One task, in a process of the pool."""
    from helpers import power_bench

    part, *rest = task
    if part == "null":
        case, seeds = rest
        return {"case": case, "draws": power_bench.measure_null(case, seeds)}
    return (power_bench.measure_planted if part == "power" else power_bench.measure_author)(*rest)


def summarize_null(blocks: list[Row]) -> tuple[list[Row], list[Row]]:
    """Alarms by case and test. A test that keeps its level exceeds the target once in a hundred times."""
    from scipy.stats import binom

    rows, targets = [], []
    for case in dict.fromkeys(block["case"] for block in blocks):
        draws = [draw for block in blocks if block["case"] == case for draw in block["draws"]]
        own = [
            {"case": case, "test": test, "draws": len(draws), "alarms": sum(draw[test] for draw in draws)}
            for test in draws[0]
        ]
        most = int(binom.ppf(0.99, len(draws), 0.05))
        for name, of in (("one family", [row for row in own if ":" in row["test"]]), ("the whole", own[-3:])):
            worst = max(of, key=lambda row: row["alarms"])
            label = f"{case}: alarms in {len(draws)} draws, worst test of {name} ({worst['test']})"
            targets.append(make_target(label, worst["alarms"], most, at_most=True))
        rows += own
    return rows, targets


def summarize_power(runs: list[Row]) -> tuple[list[Row], list[Row]]:
    """One row for each artefact and prevalence, over its seeds."""
    from helpers import power_bench

    names = list(dict.fromkeys(run["artefact"] for run in runs))
    rows = []
    for name, share in itertools.product(names, (0.0, *PREVALENCES)):
        own = [run for run in runs if (run["artefact"], run["prevalence"]) == (name, share)]
        if own:
            rows.append(summarize_runs(name, share, own))
    lexical = {name for name in names if name != power_bench.NONE and power_bench.artefacts()[name].lexical}
    meant = [run for run in runs if run["artefact"] in lexical and run["prevalence"] >= FROM]
    least = f"lexical artefacts from {FROM:.0%} on"
    targets = [
        make_target(f"{least}: share found", mean(run["found"] for run in meant), 0.95),
        make_target(f"{least}: share ranked first", mean(run["ranked_first"] for run in meant), 0.95),
        make_target("innocent rows dropped, worst run", max(r["innocent_dropped"] for r in runs), 0.02, at_most=True),
        make_target("error signals lost by repairs, all runs", sum(r["signals_lost"] for r in runs), 0, at_most=True),
    ]
    return rows, targets


def summarize_runs(name: str, share: float, runs: Sequence[Row]) -> Row:
    """Means over seeds, and the worst for what must not happen."""

    def average(field: str) -> float | None:
        values = [run[field] for run in runs if run.get(field) is not None]
        return mean(values) if values else None

    return {
        "artefact": name,
        "prevalence": share,
        "seeds": len(runs),
        "found": average("found"),
        "first": average("ranked_first"),
        "named": count(run["first"] for run in runs),
        "markers": average("markers"),
        "verdicts": count(run["verdict"] for run in runs),
        "named_by_clean": average("named_by_clean"),
        "rid": average("rid"),
        "dropped": average("dropped"),
        "refused": sum(run["refused"] for run in runs),
        "left": average("left"),
        "innocent_dropped": max(run["innocent_dropped"] for run in runs),
        "innocent_changed": max(run["innocent_changed"] for run in runs),
        "signals_lost": sum(run["signals_lost"] for run in runs),
        "signals_made": sum(run["signals_made"] for run in runs),
        "certificates": count(run["certificate"] for run in runs),
        "detectable": runs[0]["detectable"],
    }


def count(names: Any) -> str:
    """`3 marker, 1 clean`"""
    return ", ".join(f"{number} {name}" for name, number in Counter(names).most_common())


def summarize_authors(sets: list[list[Row]]) -> tuple[list[Row], list[Row]]:
    """All rows, and by how much the least different two authors differ more than any author from himself."""
    targets = []
    for family, place in (("ngrams", 0), ("the family that tells most", -1)):
        matched = {rows[0]["case"]: rows[place]["matched"] for rows in sets}
        own = max(value for case, value in matched.items() if case.startswith("own"))
        cross = min(value for case, value in matched.items() if not case.startswith("own"))
        targets.append(make_target(f"two authors beyond one, least difference by {family}", cross - own, 0.0))
    return [row for rows in sets for row in rows], targets


SUMMARIES = {"null": summarize_null, "power": summarize_power, "authors": summarize_authors}


def measure_size(quick: bool) -> tuple[list[Row], list[Row]]:
    """`errata audit` on files of made-up pairs, by a process of its own."""
    from helpers import real_pairs

    models = itertools.permutations(real_pairs.MODELS, 2)
    data = [pair for two in models for pair in real_pairs.cross_pairs(*two)]
    control = real_pairs.pooled_control(disjoint=False)
    pairs, own = (count // 10 if quick else count for count in (PAIRS, CONTROL))
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "data.jsonl", Path(folder) / "control.jsonl"
        exchange = Exchange()
        for file, source, number in zip(files, (data, control), (pairs, own), strict=True):
            write_pairs(file, source, number, exchange)
        command = [sys.executable, "-m", "errata", "audit", str(files[0]), "--control", str(files[1]), "--json"]
        started = time.perf_counter()
        with (Path(folder) / "audit.json").open("w+") as out:
            child = subprocess.Popen(command, stdout=out, cwd=ROOT)
            _, status, usage = os.wait4(child.pid, 0)
            seconds = time.perf_counter() - started
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode:
                raise SystemExit(f"errata audit ended with {child.returncode}")
            out.seek(0)
            found = json.load(out)
        megabytes = sum(file.stat().st_size for file in files) / 1e6
    row = {
        "pairs": found["pairs"],
        "prompts": found["prompts"],
        "control_pairs": own,
        "megabytes": megabytes,
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_GiB": usage.ru_maxrss / 2**20,
        "features_tested": found["features_tested"],
        "markers": len(found["markers"]),
        "verdict": found["verdict"],
    }
    if found["pairs"] != pairs:
        raise AssertionError(f"{found['pairs']} of {pairs} pairs were audited")
    return [row], [
        make_target(f"{pairs:,} pairs: seconds", seconds, 300, at_most=True),
        make_target(f"{pairs:,} pairs: peak memory in GiB", row["peak_GiB"], 4, at_most=True),
    ]


class Exchange:
    """Puts other names and nouns into a text: words that are never written small, and words of 3 to 60 problems."""

    def __init__(self) -> None:
        from helpers import real_pairs

        seen: Counter[str] = Counter()
        for problem in real_pairs.read_problems():
            seen.update({word for text in self.texts_of(problem) for word in LETTERS.findall(text)})
        self.names = sorted(word for word in seen if word[0].isupper() and word.lower() not in seen)
        self.nouns = sorted(word for word, n in seen.items() if word.islower() and len(word) > 3 and 3 <= n <= 60)
        self.pools = {word: pool for pool in (self.names, self.nouns) for word in pool}

    @staticmethod
    def texts_of(problem: Any) -> list[str]:
        return [problem.question, *(text.text for text in problem.texts.values())]

    def __call__(self, texts: Sequence[str], seed: int) -> list[str]:
        """The texts of one pair, equal words exchanged for equal ones."""
        rng, drawn = random.Random(seed), dict[str, str]()

        def other(found: re.Match[str]) -> str:
            word = found[0]
            if word in self.pools and word not in drawn:
                drawn[word] = rng.choice(self.pools[word])
            return drawn.get(word, word)

        return [LETTERS.sub(other, text) for text in texts]


def write_pairs(file: Path, source: Sequence[Any], number: int, exchange: Exchange) -> None:
    """So many pairs in TRL's form, each with a prompt of its own."""
    from helpers import real_pairs

    questions = {problem.key: problem.question for problem in real_pairs.read_problems()}
    with file.open("w", encoding="utf-8") as lines:
        for i, pair in enumerate(itertools.islice(itertools.cycle(source), number)):
            texts = exchange((questions[pair.prompt], pair.chosen, pair.rejected), i)
            texts[0] = f"Problem {i}. {texts[0]}"
            roles = ("user", "assistant", "assistant")
            turns = [[{"role": role, "content": text}] for role, text in zip(roles, texts, strict=True)]
            row = dict(zip(("prompt", "chosen", "rejected"), turns, strict=True))
            answers = {"answer": pair.answer, "rejected_answer": pair.rejected_answer}
            lines.write(json.dumps(row | answers) + "\n")


if __name__ == "__main__":
    main()
