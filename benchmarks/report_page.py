"""The page of a run in a real browser: its size, and how long a reader waits for it.

    python benchmarks/report_page.py [--quick] [--json FILE]

Folders of runs are written with 5,000 pairs, 266 of them with token rewards, and `errata report`'s page is made of
each. Headless Chromium opens the page from disk, at 1280 and at 390 pixels: the first paint as the browser reports it,
the load event, then, by the page's own clock and up to the finished layout, filters, searches (the first one opens all
texts; no time passes before it) and pairs being opened. Each is the slowest of its kind. With --quick, the pairs have
1.2 kB a side; without it 6 kB, too, where a page no longer holds all pairs.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from report import ROOT, make_parser, make_target, report

sys.path.insert(0, str(ROOT))

from errata.report.run_contents import read_contents
from errata.report.run_page import write_run_page
from tests.errata.report.chromium import Browser
from tests.errata.report.runs import make_run

PAIRS = 5000
CREDITED = 266
LINES = {"1.2 kB a side": 28, "6 kB a side": 140}
WIDTHS = (1280, 390)
REPEATS = 5

PAINT = "performance.getEntriesByType('paint').find(one => one.name === 'first-contentful-paint').startTime"
LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"
FILTERS = """(() => {
  const times = [];
  const timed = (act) => {
    const start = performance.now();
    act();
    document.body.offsetHeight;
    times.push(performance.now() - start);
  };
  for (const chip of document.querySelectorAll('[data-kept]')) timed(() => chip.click());
  for (const select of document.querySelectorAll('.pairs select')) {
    const values = [...select.options].filter(one => !one.disabled).map(one => one.value).slice(0, 5);
    const choose = (value) => { select.value = value; select.dispatchEvent(new Event('change')); };
    for (const value of [...values, select.options[0].value]) timed(() => choose(value));
  }
  return Math.max(...times) / 1000;
})()"""
SEARCH = """new Promise(done => {
  const field = document.querySelector('.pairs input');
  const start = performance.now();
  errata.query = null;
  field.value = QUERY;
  field.dispatchEvent(new Event('input'));
  const look = () => {
    if (errata.query === null) return setTimeout(look, 0);
    document.body.offsetHeight;
    done((performance.now() - start) / 1000);
  };
  look();
})"""
OPEN = """new Promise(done => {
  const start = performance.now();
  document.querySelectorAll('.rows a')[NUMBER].click();
  const look = () => {
    const inside = document.querySelector('#pair[open] .inside');
    if (!inside) return setTimeout(look, 0);
    inside.offsetHeight;
    done((performance.now() - start) / 1000);
  };
  look();
})"""


def main() -> None:
    arguments = make_parser(__doc__ or "").parse_args()
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    if binary is None:
        raise SystemExit("no Chromium is installed")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for case in list(LINES)[:1] if arguments.quick else LINES:
            file = folder / "page.html"
            made = make_page(folder / case, LINES[case], file)
            for width in WIDTHS:
                rows.append({"case": case, "width": width, **made, **measure(Path(binary), folder, file, width)})
    bounded = [row for row in rows if row["case"] == next(iter(LINES))]
    targets = [
        make_target("page, MB", max(row["page_mb"] for row in rows), 25, at_most=True),
        make_target("first paint, s", max(row["first_paint_s"] for row in bounded), 3, at_most=True),
        make_target("filter, s", max(row["filter_s"] for row in bounded), 0.3, at_most=True),
        make_target("search, s", max(row["search_s"] for row in bounded), 0.3, at_most=True),
    ]
    report(rows, targets, arguments.json)


def make_page(run: Path, lines: int, file: Path) -> dict[str, Any]:
    """Write a run and its page."""
    make_run(run, PAIRS, lines=lines, credited=CREDITED)
    started = time.perf_counter()
    write_run_page(file, read_contents(run), pairs=PAIRS)
    return {"page_mb": file.stat().st_size / 1e6, "made_s": time.perf_counter() - started}


def measure(binary: Path, folder: Path, file: Path, width: int) -> dict[str, Any]:
    """What a reader waits for, in seconds."""
    browser = Browser(str(binary), Path(tempfile.mkdtemp(dir=folder)))
    try:
        paints, loads, filters, firsts, searches, opened = [], [], [], [], [], []
        for _ in range(REPEATS):
            browser.open(file, width=width, height=900)
            firsts.append(browser.run(SEARCH.replace("QUERY", "'pears kalo'")))
            paints.append(browser.run(PAINT) / 1000)
            loads.append(browser.run(LOADED) / 1000)
            searches += [browser.run(SEARCH.replace("QUERY", f"'{query}'")) for query in ("so 4", "pens", "", "= 100")]
            browser.run(SEARCH.replace("QUERY", "''"))
            filters.append(browser.run(FILTERS))
            for number in (0, 7, 19):
                opened.append(browser.run(OPEN.replace("NUMBER", str(number))))
                browser.run("document.querySelector('.bar-line button:last-child').click()")
                browser.until("!document.querySelector('#pair[open]') && !location.hash.startsWith('#pair-')")
        assert not browser.errors, browser.errors
        shown = int(browser.run("errata.read('pairs-list').id.length"))
    finally:
        browser.close()
    told = {"first_paint_s": paints, "load_s": loads, "first_search_s": firsts}
    return {
        "pairs": shown,
        **{name: statistics.median(values) for name, values in told.items()},
        "search_s": max(searches),
        "filter_s": max(filters),
        "open_s": max(opened),
    }


if __name__ == "__main__":
    main()
