"""Where every attempt went, counted: what flows in at each point flows out again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from errata.report.figures import as_label
from errata.report.page import Section
from errata.report.run_grid import Bar, absent, fill
from errata.report.run_reading import RunFiles
from errata.report.run_wording import count, counted, said, share_of
from pipeline.summary import Summary

EARLY = {
    "repeated_mistake": "the same text as an earlier attempt at the problem",
    "over_limit": "the problem has as many mistakes as pair.max_per_problem allows",
    "repeated_answer": "the same wrong answer as an earlier attempt",
    "pass_rate": "the student solves too few or too many of its attempts at the problem",
    "empty_text": "the attempt is empty",
}
"""Rules by which a mistake is left before a rung sees it."""
UNANSWERED = {
    "uncorrected": "no rung gave a text that the checker calls correct",
    "attempt_right": "a teacher says that the attempt is right",
    "gold_wrong": "a teacher says that the gold answer looks wrong",
}
"""Rules by which a mistake ends without a correction."""
LATE = {
    "identical_text": "chosen and rejected are the same text",
    "format": "the chosen text does not follow the student's answer format",
}
"""Some rules by which a finished pair is dropped; filters and the selection have others."""
RULES = EARLY | UNANSWERED | LATE
"""What rules mean."""


@dataclass
class Node:
    """A point of the flow: so many attempts, mistakes or pairs, and where they went from there."""

    key: str
    label: str
    count: int
    color: str
    meaning: str = ""
    children: list[Node] = field(default_factory=list)

    def walk(self, depth: int = 0) -> Iterator[tuple[int, Node]]:
        """This node and all below it, with their depths."""
        yield depth, self
        for child in self.children:
            yield from child.walk(depth + 1)


@dataclass(frozen=True)
class Flow:
    """Two trees: attempts to corrected mistakes, and from there pairs with both texts to the data set."""

    attempts: Node
    pairs: Node
    further: int
    """Pairs that are no direct ones: those of the view `revise` beyond the corrected mistakes."""
    unpaired: int
    """Corrected mistakes that are no pair of their own, where the view `direct` is not made."""

    def imbalances(self) -> list[str]:
        """Where the parts are not the whole; empty where the account is right."""
        found = []
        for tree in (self.attempts, self.pairs):
            for _, node in tree.walk():
                parts = sum(child.count for child in node.children)
                if node.children and parts != node.count:
                    found.append(f"{node.label}: {node.count:,}, its parts {parts:,}")
                if node.count < 0:
                    found.append(f"{node.label}: {node.count:,}")
        return found


def trace_flow(summary: Summary) -> Flow:
    """The flow of a summary. A count that the summary lacks follows from the others, and may be below 0."""
    early = {rule: n for rule, n in summary.dropped.items() if rule in EARLY}
    unanswered = {rule: n for rule, n in summary.dropped.items() if rule in UNANSWERED}
    late = {rule: n for rule, n in summary.dropped.items() if rule not in early and rule not in unanswered}
    corrected = Node(
        "corrected", "corrected", sum(summary.corrections.values()), "--flow-good", "a rung gave a right text"
    )
    corrected.children = [
        Node(f"rung-{rung}", said(rung), n, "--flow-good", "corrections by this rung")
        for rung, n in summary.corrections.items()
    ]
    mistakes = Node("mistakes", "mistakes", summary.mistakes, "--flow-wrong")
    mistakes.children = [
        *([corrected] if summary.corrections else []),
        *(Node(f"early-{rule}", said(rule), n, "--flow-out", EARLY[rule]) for rule, n in early.items()),
        *(Node(f"none-{rule}", said(rule), n, "--flow-bad", UNANSWERED[rule]) for rule, n in unanswered.items()),
    ]
    kept = Node("kept", "pairs kept", summary.kept, "--flow-good")
    kept.children = [
        Node(f"split-{name}", name, n, "--flow-kept", "pairs in the data set") for name, n in summary.splits.items()
    ]
    made = summary.kept + sum(late.values())
    pairs = Node("pairs", "with both texts", made, "--flow-good", "pairs of a right and a wrong text")
    pairs.children = [kept]
    pairs.children += [
        Node(f"late-{rule}", said(rule), n, "--flow-bad", LATE.get(rule, "dropped by this filter or limit"))
        for rule, n in late.items()
    ]
    attempts = Node("attempts", "attempts", summary.attempts, "--flow-all", children=_verdicts(summary, mistakes))
    extra = made - corrected.count
    return Flow(attempts, pairs, max(0, extra), max(0, -extra))


def _verdicts(summary: Summary, mistakes: Node) -> list[Node]:
    """The attempts by verdict; where scores are ranked, the mistakes are the worst of each problem."""
    failed = Node("failed", "failed", summary.failed, "--flow-bad", "requests without an answer, or without a verdict")
    if is_ranked(summary):
        between = summary.attempts - summary.failed - summary.mistakes
        mistakes.meaning = "the worst of each problem, by their scores"
        rest = Node("ranked", "best and between", between, "--flow-out", "not among the worst of their problem")
        return [mistakes, rest, *([failed] if summary.failed else [])]
    mistakes.meaning = "attempts that the checker calls wrong"
    unread = summary.unknown - summary.truncated
    nodes = [
        mistakes,
        Node("correct", "correct", summary.correct, "--flow-right", "nothing to correct"),
        Node("truncated", "truncated", summary.truncated, "--flow-bad", "cut off at the token limit: unknown"),
        Node("unread", "unknown", unread, "--flow-bad", "no answer found, or one that cannot be judged"),
        failed,
    ]
    return [node for node in nodes if node.count or node is mistakes]


def is_ranked(summary: Summary) -> bool:
    """Whether mistakes are those that rank lowest, instead of those that are wrong."""
    return summary.scored or summary.mistakes != summary.wrong


def flow_section(run: RunFiles) -> Section:
    """The flow as a figure on a wide screen, and as a list with all counts on any."""
    title = "Where every attempt went"
    if run.summary is None:
        return absent(
            "run-flow",
            title,
            "Flow",
            "The build has not come to its end, so nothing is counted yet.",
            run.command("build"),
        )
    s, flow = run.summary, trace_flow(run.summary)
    left_out = {
        "bad rows": s.bad_rows,
        "duplicates": s.duplicates,
        "conflicting gold answers": s.conflicting,
        "overlap with evaluation problems": s.contaminated,
    }
    lost = ", ".join(f"{count(n)} {name}" for name, n in left_out.items() if n)
    told = {
        "rows": f"{counted(s.rows, 'row')} gave {counted(s.problems, 'problem')}"
        + (f"; left out: {lost}." if lost else "."),
        "sentence": _sentence(s),
        "trees": [_lines(flow.attempts), _lines(flow.pairs)],
        "further": count(flow.further) if flow.further else "",
        "unpaired": count(flow.unpaired) if flow.unpaired else "",
        "wrong": flow.imbalances(),
        "views": [(name, count(n)) for name, n in s.views.items()] if set(s.views) - {"direct"} else [],
        "confirming": count(s.confirming),
        "drawn": "yes" if s.attempts else "",
    }
    figures = {"run-flow-plot": plot_flow(flow)} if s.attempts else {}
    body = fill("run_flow.html.jinja", "flow", told)
    return Section("run-flow", title, "Flow", body, figures, styles=("run.css",))


def _sentence(s: Summary) -> str:
    how = "ranked worst" if is_ranked(s) else "wrong"
    told = f"Of {counted(s.attempts, 'attempt')} at {counted(s.problems, 'problem')}, {count(s.mistakes)} "
    told += f"({share_of(s.mistakes, s.attempts)}) were {how}; {counted(s.kept, 'pair')} came of them."
    largest = max(s.dropped, key=lambda rule: s.dropped[rule], default=None)
    if largest is not None and largest in RULES:
        told += f" The commonest reason to leave one out: {RULES[largest]} ({count(s.dropped[largest])})."
    return told


def _lines(tree: Node) -> list[tuple[int, Node, Bar]]:
    """The nodes of a tree with their depths and their shares of its root."""
    whole = max(1, tree.count)
    return [(depth, node, Bar(max(0, node.count) / whole, count(node.count))) for depth, node in tree.walk()]


def plot_flow(flow: Flow) -> dict[str, Any]:
    """The flow as a Sankey diagram: mistakes flow through the rungs, and where nothing is dropped, straight on."""
    nodes = [node for tree in (flow.attempts, flow.pairs) for _, node in tree.walk()]
    links = []
    for node in nodes:
        for child in node.children:
            source = "mistakes" if node.key == "corrected" else node.key
            if child.key != "corrected":
                links.append((source, child.key, child.count, child.color))
    first = "pairs" if len(flow.pairs.children) > 1 or flow.further else "kept"
    links = [link for link in links if first == "pairs" or link[0] != "pairs"]
    through = "corrected" if flow.unpaired else first
    links += [(node.key, through, node.count, "--flow-good") for node in nodes if node.key.startswith("rung-")]
    if flow.unpaired:
        links.append(("corrected", first, flow.pairs.count, "--flow-good"))
    if flow.further:
        nodes.append(Node("further", "further, view revise", flow.further, "--flow-right"))
        links.append(("further", first, flow.further, "--flow-right"))
    links = [link for link in links if link[2] > 0]
    drawn = {key for link in links for key in link[:2]}
    nodes = [node for node in nodes if node.key in drawn]
    places = {node.key: place for place, node in enumerate(nodes)}
    return {
        "data": [
            {
                "type": "sankey",
                "arrangement": "snap",
                "valueformat": ",d",
                "node": {
                    "label": [f"{as_label(node.label)} {count(node.count)}" for node in nodes],
                    "color": [node.color for node in nodes],
                    "align": "left",
                    "pad": 22,
                    "thickness": 14,
                    "line": {"width": 0},
                    "hovertemplate": "%{label}<extra></extra>",
                },
                "link": {
                    "source": [places[source] for source, *_ in links],
                    "target": [places[target] for _, target, *_ in links],
                    "value": [value for *_, value, _ in links],
                    "color": [f"{color}-soft" for *_, color in links],
                    "hovertemplate": "%{source.label} → %{target.label}<extra></extra>",
                },
            }
        ],
        "layout": {"height": 460, "margin": {"l": 4, "r": 4, "t": 12, "b": 12}, "xaxis": {}, "yaxis": {}},
    }
