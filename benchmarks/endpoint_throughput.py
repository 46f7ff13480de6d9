"""Rows a second over HTTP, beside a bare `openai` client and distilabel; overlap of the stages; memory on a long run.

    python benchmarks/endpoint_throughput.py [--quick] [--json FILE] [--distilabel PYTHON]

A local server answers every chat request after 0.2 s; 256 requests may be in flight. The bare client is the same
`openai` client in a loop of coroutines that keeps nothing. Errata's rows are problems through the whole flow: read,
asked, graded, cached, journalled, exported. Every run is a process of its own against a server of its own; the sides
take turns, and medians are reported. Imports are timed on no side. The server's processor time is shown, since it
shares the machine's cores.
distilabel needs an environment of its own: name its interpreter.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from report import ROOT, make_parser, make_target, report

HERE = Path(__file__).resolve().parent
LATENCY, IN_FLIGHT = 0.2, 256
TEACHER_LATENCY, STAGE_IN_FLIGHT = 0.3, 32
PEER = HERE / "helpers" / "distilabel_rows.py"


def main() -> None:
    parser = make_parser(__doc__ or "")
    parser.add_argument("--distilabel", metavar="PYTHON", help="interpreter of an environment with distilabel 1.5.3")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--teacher-url", help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        print(json.dumps(SIDES[args.side](args)))
        return
    rounds, count = (1, 2000) if args.quick else (3, 6000)
    names = ["bare httpx", "bare aiohttp", "errata"] + (["distilabel"] if args.distilabel else [])
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            runs[name].append(measure(name, count, args.distilabel))
    best_bare = max(median(runs["bare httpx"]), median(runs["bare aiohttp"]))
    rows = [summarize(name, measured, best_bare) for name, measured in runs.items()]
    ratio = median(runs["errata"]) / best_bare
    targets = [make_target("errata over the bare client at its faster backend", ratio, 0.8)]
    if args.distilabel:
        over = median(runs["errata"]) / median(runs["distilabel"])
        targets.append(make_target("errata over distilabel", over, 3.0))

    stages = [measure_stages(2000) for _ in range(rounds)]
    over = statistics.median(run["over_slowest"] for run in stages)
    rows.append({"what": f"three stages, {stages[0]['count']} problems", "over_slowest": round(over, 3)})
    targets.append(make_target("wall time over the slowest stage's", over, 1.1, at_most=True))

    memory = run_side("memory", 20_000 if args.quick else 200_000)
    rows.append({"what": f"{memory['count']:,} problems, no server", "rows_per_s": memory["rows_per_s"],
                 "peak_mb": memory["peak_mb"], "growth_mb": memory["growth_mb"]})  # fmt: skip
    targets.append(make_target("peak memory of the long run in MB", memory["peak_mb"], 600, at_most=True))
    share = memory["growth_mb"] / memory["peak_mb"]
    targets.append(
        make_target("growth over the last three quarters of its problems, share of the peak", share, 0.1, at_most=True)
    )
    columns = (
        "what",
        "rows_per_s",
        "spread",
        "of_bare",
        "server_cpu_s",
        "own_cpu_s",
        "over_slowest",
        "peak_mb",
        "growth_mb",
    )
    report([{name: row.get(name) for name in columns} for row in rows], targets, args.json)


def summarize(name: str, measured: list[dict[str, Any]], bare: float) -> dict[str, Any]:
    rates = [run["rows_per_s"] for run in measured]
    return {
        "what": name,
        "rows_per_s": round(statistics.median(rates), 1),
        "spread": f"{min(rates):.0f}-{max(rates):.0f}",
        "of_bare": round(statistics.median(rates) / bare, 3),
        "server_cpu_s": round(statistics.median(run["server_cpu_s"] for run in measured), 2),
        "own_cpu_s": round(statistics.median(run["own_cpu_s"] for run in measured), 2),
    }


def median(runs: list[dict[str, Any]]) -> float:
    return statistics.median(run["rows_per_s"] for run in runs)


def measure(name: str, count: int, peer: str | None) -> dict[str, Any]:
    """One side against a fresh server."""
    with serve(LATENCY, "It is four.\n#### 4") as url:
        if name == "distilabel":
            assert peer is not None
            made = run_json([peer, str(PEER), url, str(count), str(IN_FLIGHT)])
        else:
            made = run_side(name, count, "--url", url)
        with urllib.request.urlopen(url.removesuffix("/v1") + "/stats") as reply:
            stats = json.load(reply)
    assert stats["served"] == count, (name, stats)
    return {**made, "server_cpu_s": stats["cpu_seconds"]}


def measure_stages(count: int) -> dict[str, Any]:
    """Sample (0.2 s), check, teach (0.3 s), 32 in flight at each server."""
    taught = "<solution>\nTwo and two.\n#### 4\n</solution>"
    with serve(LATENCY, "#### 5") as student, serve(TEACHER_LATENCY, taught) as teacher:
        made = run_side("stages", count, "--url", student, "--teacher-url", teacher)
    slowest = count * TEACHER_LATENCY / STAGE_IN_FLIGHT
    return {**made, "over_slowest": made["seconds"] / slowest}


@contextlib.contextmanager
def serve(seconds: float, answer: str) -> Iterator[str]:
    command = [sys.executable, str(HERE / "helpers" / "slow_server.py"), str(seconds), "--answer", answer]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        finally:
            server.terminate()


def run_side(name: str, count: int, *options: str) -> dict[str, Any]:
    return run_json([sys.executable, __file__, "--side", name, "--count", str(count), *options])


def run_json(command: list[str]) -> dict[str, Any]:
    path = os.pathsep.join([str(HERE), str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "OPENAI_API_KEY": "none"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    made: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return made


def ask_bare(args: argparse.Namespace, *, aiohttp: bool) -> dict[str, Any]:
    """The `openai` client and nothing else."""
    import openai

    async def ask_all() -> float:
        http = openai.DefaultAioHttpClient() if aiohttp else openai.DefaultAsyncHttpxClient()
        client = openai.AsyncOpenAI(base_url=args.url, api_key="none", max_retries=0, http_client=http)
        slots = asyncio.Semaphore(IN_FLIGHT)

        async def ask(number: int) -> None:
            async with slots:
                messages: Any = [{"role": "user", "content": f"What is 2 + 2? ({number})"}]
                reply = await client.chat.completions.create(
                    model="m", messages=messages, temperature=1.0, top_p=1.0, max_tokens=512, seed=0
                )
                assert reply.choices[0].message.content

        started = time.perf_counter()
        await asyncio.gather(*map(ask, range(args.count)))
        seconds = time.perf_counter() - started
        await client.close()
        return seconds

    return told(args.count, asyncio.run(ask_all()))


def build_rows(args: argparse.Namespace, folder: Path, progress: Any = None, **sections: Any) -> float:
    """`args.count` problems through the whole flow; returns the seconds it took."""
    import aiohttp  # noqa: F401 - imported by the flow when it needs them
    import openai.resources.chat  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    from pipeline.loading import load_settings
    from pipeline.run import build
    from pipeline.stages import QUIET

    problems = folder / "problems.jsonl"
    with problems.open("w") as file:
        for number in range(args.count):
            row = {"question": f"What is 2 + 2? ({number})", "answer": "4", "solution": "#### 4"}
            file.write(json.dumps(row) + "\n")
    settings = {
        "name": "run",
        "runs_dir": str(folder / "runs"),
        "problems": {"path": str(problems), "rationale": "solution"},
        "sample": {"n": 1},
        "correct": {"rungs": ["reference"]},
        **sections,
    }
    config = folder / "config.yaml"
    config.write_text(json.dumps(settings))
    loaded = load_settings(config)
    started = time.perf_counter()
    summary = asyncio.run(build(loaded, progress or QUIET))
    seconds = time.perf_counter() - started
    assert (summary.attempts, summary.failed, summary.unknown) == (args.count, 0, 0), summary
    return seconds


def ask_errata(args: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        student = endpoint(args.url, IN_FLIGHT)
        return told(args.count, build_rows(args, Path(folder), student=student))


def ask_stages(args: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        sections = {
            "student": endpoint(args.url, STAGE_IN_FLIGHT),
            "teachers": {"t": endpoint(args.teacher_url, STAGE_IN_FLIGHT)},
            "correct": {"rungs": [{"rung": "gold_guided", "teacher": "t"}]},
        }
        return told(args.count, build_rows(args, Path(folder), **sections))


def endpoint(url: str, in_flight: int) -> dict[str, Any]:
    return {"engine": "endpoint", "base_url": url, "model": "m", "max_concurrency": in_flight}


def watch_memory(args: argparse.Namespace) -> dict[str, Any]:
    """Resident memory while the problems go through the flow with a scripted engine; half of its answers are wrong.

    The peak is that of the whole run, with the export at its end; the growth is from a quarter of the problems to all.
    """
    import psutil

    from pipeline.stages import Progress

    process = psutil.Process()

    class Watch(Progress):
        seen: ClassVar[dict[int, float]] = {}

        def __call__(self, stage: str, done: int, total: int) -> None:
            if done in (total // 4, total):
                self.seen[done] = process.memory_info().rss / 1e6

    student = {"engine": "scripted", "function": "endpoint_throughput:answer_from_script"}
    with tempfile.TemporaryDirectory() as folder:
        seconds = build_rows(args, Path(folder), Watch(), student=student)
    quarter, whole = Watch.seen.values()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**told(args.count, seconds), "peak_mb": round(peak), "growth_mb": round(whole - quarter, 1)}


def answer_from_script(messages: Any, index: int) -> str:
    """Right for even problems, wrong for odd ones."""
    number = int(messages[-1].content.rpartition("(")[2].rstrip(")"))
    return f"2 + 2 is what is asked in problem {number}.\n#### {4 + number % 2}"


def told(count: int, seconds: float) -> dict[str, Any]:
    cpu = time.process_time()
    return {"count": count, "seconds": seconds, "rows_per_s": count / seconds, "own_cpu_s": cpu}


SIDES: dict[str, Any] = {
    "bare httpx": lambda args: ask_bare(args, aiohttp=False),
    "bare aiohttp": lambda args: ask_bare(args, aiohttp=True),
    "errata": ask_errata,
    "stages": ask_stages,
    "memory": watch_memory,
}

if __name__ == "__main__":
    main()
