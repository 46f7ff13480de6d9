"""The peer's side of `endpoint_throughput.py`, run in distilabel's own environment: URL COUNT IN_FLIGHT.

Its pipeline as its documentation shows it: rows from dictionaries, one text generation each, batches as large as the
number of requests that may be in flight, no cache.
"""

from __future__ import annotations

import json
import sys
import time
import warnings


def main() -> None:
    warnings.simplefilter("ignore")
    from distilabel.models.llms import OpenAILLM
    from distilabel.pipeline import Pipeline
    from distilabel.steps import LoadDataFromDicts
    from distilabel.steps.tasks import TextGeneration

    url, count, in_flight = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rows = [{"instruction": f"What is 2 + 2? ({number})"} for number in range(count)]
    with Pipeline(name="rows") as pipeline:
        load = LoadDataFromDicts(data=rows, batch_size=in_flight)
        llm = OpenAILLM(model="m", base_url=url, api_key="none", generation_kwargs={"max_new_tokens": 512})
        load >> TextGeneration(llm=llm, input_batch_size=in_flight)
    started = time.perf_counter()
    made = pipeline.run(use_cache=False)
    seconds = time.perf_counter() - started
    assert len(made["default"]["train"]) == count
    print(
        json.dumps(
            {"count": count, "seconds": seconds, "rows_per_s": count / seconds, "own_cpu_s": time.process_time()}
        )
    )


if __name__ == "__main__":
    main()
