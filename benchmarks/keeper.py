"""What one keeper does for all workers of a build on Ray, and how fast their journals are merged.

    python benchmarks/keeper.py [--quick] [--json FILE]

Clients are Ray actors on this machine; each has so many coroutines that get a completion by its key, or put one of
2 kB, one after the other, through the `RemoteCache` that workers use. Put is durable: it is timed until the text is
on the keeper's disk. Everything shares this machine's cores. The journals to be merged hold attempts of 1 kB in eight
shards, a tenth of which stand in two of them.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from report import make_parser, report

from pipeline.cache import Paid
from pipeline.journal import seal
from pipeline.scale.cluster import connected, need_ray
from pipeline.scale.keeper import Keeper, Who
from pipeline.scale.remote_cache import RemoteCache
from pipeline.scale.shards import SHARDS, merge_left
from pipeline.scale.worker import calls_of
from pipeline.types import Attempt, Completion, Grade, content_id

AT_ONCE = 256
TEXT = "y" * 2000
PAID = Paid("run", "student", 1, 11, 7, None)


def main() -> None:
    args = make_parser(__doc__ or "").parse_args()
    count, lines = (4_000, 40_000) if args.quick else (30_000, 400_000)
    need_ray()
    with connected(None):
        rows = [measure_keeper(clients, count) for clients in (1, 2, 4)]
    rows.append(measure_merge(lines))
    columns = ("what", "puts_per_s", "gets_per_s", "lines_per_s")
    report([{name: row.get(name) for name in columns} for row in rows], [], args.json)


def measure_keeper(clients: int, count: int) -> dict[str, Any]:
    """Puts, then gets, of so many texts together."""
    import ray

    with tempfile.TemporaryDirectory() as folder:
        keeper = ray.remote(Keeper).options(num_cpus=0).remote(str(Path(folder) / "cache.sqlite"), "run")
        actors = [ray.remote(Client).options(num_cpus=0).remote(keeper, n, count // clients) for n in range(clients)]
        ray.get([actor.begin.remote() for actor in actors])
        took = {}
        for what in ("put", "get"):
            started = time.perf_counter()
            ray.get([getattr(actor, what).remote() for actor in actors])
            took[what] = time.perf_counter() - started
        ray.get(keeper.shut.remote())
        for actor in (*actors, keeper):
            ray.kill(actor)
    rates = {f"{what}s_per_s": round(count / seconds) for what, seconds in took.items()}
    return {"what": f"{clients} workers, {AT_ONCE} requests each", **rates}


class Client:
    """A worker that does nothing but ask."""

    def __init__(self, keeper: Any, number: int, count: int) -> None:
        self.keeper, self.who = keeper, Who(f"actor {number}", "host")
        self.keys = [f"{number} {n}".encode() for n in range(count)]

    async def begin(self) -> None:
        welcome = await calls_of(self.keeper)("hello", self.who)
        self.cache = RemoteCache(calls_of(self.keeper), welcome.shard, {})

    async def put(self) -> None:
        await self._all(lambda key: self.cache.put([(key, TEXT)], PAID))

    async def get(self) -> None:
        await self._all(lambda key: self.cache.get([key]))

    async def _all(self, work: Any) -> None:
        keys = iter(self.keys)

        async def one() -> None:
            for key in keys:
                await work(key)

        await asyncio.gather(*[one() for _ in range(AT_ONCE)])


def measure_merge(lines: int) -> dict[str, Any]:
    """Eight shards into an empty run."""
    grade = Grade(verdict="wrong", extracted="5", reason="5 is not 4")
    with tempfile.TemporaryDirectory() as folder:
        for shard in range(8):
            place = Path(folder) / SHARDS / str(shard)
            place.mkdir(parents=True)
            first = lines // 8 * shard - lines // 80 * bool(shard)
            with (place / "attempts.jsonl").open("wb") as out:
                for number in range(first, lines // 8 * (shard + 1)):
                    completion = Completion(text=TEXT[:600])
                    attempt = Attempt(
                        **{"id": content_id(number), "problem_id": "p", "index": 0, "engine": "student"},
                        **{"settings": "0" * 16, "completion": completion, "grade": grade},
                    )
                    out.write(seal(attempt.model_dump_json().encode()))
        started = time.perf_counter()
        merge_left(Path(folder))
        took = time.perf_counter() - started
    return {"what": f"merging {lines:,} lines", "lines_per_s": round(lines / took)}


if __name__ == "__main__":
    main()
