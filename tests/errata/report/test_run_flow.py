"""The flow of a run: its counts add up, whatever the run did."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.report.run_flow import EARLY, UNANSWERED, Flow, flow_section, plot_flow, trace_flow
from errata.report.run_reading import read_run
from pipeline.summary import Summary
from tests.errata.report.make_run import build_small
from tests.errata.report.test_audit_page import Read

COUNTS = st.integers(0, 10_000)


@st.composite
def summaries(draw: st.DrawFn) -> Summary:
    """Summaries as a build makes them: every count is what its parts add up to."""
    early, unanswered = (draw(st.dictionaries(st.sampled_from(sorted(rules)), COUNTS)) for rules in (EARLY, UNANSWERED))
    late = draw(st.dictionaries(st.sampled_from(["format", "leak", "near_duplicate", "<b>mine</b>"]), COUNTS))
    corrections = draw(st.dictionaries(st.sampled_from(["own_correct", "revise", "reference"]), st.integers(1, 9999)))
    corrected = sum(corrections.values())
    direct = draw(st.booleans())
    made = corrected + draw(COUNTS) if direct else draw(COUNTS)
    late = {rule: min(count, made // 4) for rule, count in late.items()}
    kept = made - sum(late.values())
    train = draw(st.integers(0, kept))
    mistakes = corrected + sum(early.values()) + sum(unanswered.values())
    scored = draw(st.booleans())
    correct, unknown, failed = draw(COUNTS), draw(COUNTS), draw(COUNTS)
    if scored:
        verdicts = {"correct": 0, "wrong": 0, "unknown": mistakes + unknown, "truncated": draw(st.integers(0, unknown))}
    else:
        verdicts = {"correct": correct, "wrong": mistakes, "unknown": unknown}
        verdicts["truncated"] = draw(st.integers(0, unknown))
    return Summary(
        problems=draw(COUNTS),
        attempts=verdicts["correct"] + verdicts["wrong"] + verdicts["unknown"] + failed,
        **verdicts,
        failed=failed,
        scored=scored,
        mistakes=mistakes,
        corrections=corrections,
        dropped=early | unanswered | late,
        pairs=made + sum(early.values()) + sum(unanswered.values()),
        kept=kept,
        splits={name: count for name, count in {"train": train, "validation": kept - train}.items() if count},
    )


def leaves(flow: Flow) -> int:
    return sum(node.count for _, node in flow.attempts.walk() if not node.children)


def check_figure(flow: Flow) -> None:
    """In the diagram what flows into a point flows out again, and each point is as large as the label says."""
    trace = plot_flow(flow)["data"][0]
    link, labels = trace["link"], trace["node"]["label"]
    into: Counter[int] = Counter()
    out: Counter[int] = Counter()
    for source, target, value in zip(link["source"], link["target"], link["value"], strict=True):
        assert value > 0
        out[source] += value
        into[target] += value
    for place, label in enumerate(labels):
        count = int(label.rpartition(" ")[2].replace(",", ""))
        ends = flow.unpaired if label.startswith("corrected") else 0
        assert into[place] in (0, count), label
        assert out[place] in (0, count - ends), label


@given(summaries())
def test_what_flows_in_flows_out_again(summary: Summary) -> None:
    flow = trace_flow(summary)
    assert flow.imbalances() == []
    assert leaves(flow) == summary.attempts
    assert sum(node.count for _, node in flow.pairs.walk() if not node.children) == flow.pairs.count
    corrected = sum(summary.corrections.values())
    assert corrected - flow.unpaired + flow.further == flow.pairs.count
    check_figure(flow)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_small(tmp_path_factory.mktemp("flow"), audit=None)


def test_every_attempt_of_a_real_run_is_accounted_for(run: Path) -> None:
    files = read_run(run)
    assert files.summary is not None
    flow = trace_flow(files.summary)
    assert flow.imbalances() == []
    assert leaves(flow) == files.summary.attempts == 96
    told = {node.key: node.count for tree in (flow.attempts, flow.pairs) for _, node in tree.walk()}
    assert told == {
        **{"attempts": 96, "correct": 24, "mistakes": 67, "unread": 5, "corrected": 29, "rung-revise": 22},
        **{"rung-reference": 7, "early-repeated_mistake": 24, "none-attempt_right": 7, "none-gold_wrong": 7},
        **{"pairs": 29, "kept": 29, "split-train": 29},
    }
    check_figure(flow)


def test_the_list_has_every_count_and_says_what_a_rule_means(run: Path) -> None:
    text = Read(flow_section(read_run(run)).body).text
    for part in (
        "Of 96 attempts at 24 problems, 67 (69.8%) were wrong; 29 pairs came of them.",
        "28 rows gave 24 problems; left out: 1 bad rows, 1 duplicates, 1 conflicting gold answers.",
        "repeated mistake 24 the same text as an earlier attempt at the problem",
        "gold wrong 7 a teacher says that the gold answer looks wrong",
        "train 29",
    ):
        assert part in text, part
    assert "do not add up" not in text


def test_both_views_and_the_view_revise_alone_balance_too(tmp_path: Path) -> None:
    views = [["direct", "revise"], ["revise"]]
    for number, pair in enumerate(views):
        files = read_run(build_small(tmp_path / str(number), audit=None, pair={"views": pair}))
        assert files.summary is not None
        flow = trace_flow(files.summary)
        assert flow.imbalances() == []
        check_figure(flow)
        text = Read(flow_section(files).body).text
        assert "Kept pairs by view" in text
        assert ("The view revise adds" in text) == bool(flow.further)


def test_counts_that_do_not_add_up_are_told(run: Path, tmp_path: Path) -> None:
    summary = read_run(run).summary
    assert summary is not None
    wrong: Any = summary.model_copy(update={"mistakes": 66, "wrong": 66})
    assert trace_flow(wrong).imbalances() == ["attempts: 96, its parts 95", "mistakes: 66, its parts 67"]
    (tmp_path / "summary.json").write_text(wrong.model_dump_json())
    assert "The counts of summary.json do not add up" in Read(flow_section(read_run(tmp_path)).body).text
