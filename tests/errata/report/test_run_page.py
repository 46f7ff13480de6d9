"""The page of a run: its order, every number, what is not there yet, and text that is never more than text."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from errata.report.page import render_page
from errata.report.run_contents import Contents, read_contents
from errata.report.run_page import run_sections, write_run_page
from pipeline.shortcuts.records import Audit
from tests.errata.report.make_run import (
    build_small,
    finish,
    make_ablation,
    make_change,
    make_evaluation,
    make_loop,
    make_round,
)
from tests.errata.report.test_audit_page import Read

HOSTILE = "<script>window.owned=1</script><img src=x onerror=window.owned=1>{{ 7 * 7 }}\u202e"
Edit = Callable[..., Path]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finish(build_small(tmp_path_factory.mktemp("page")))


def show(found: Contents, pairs: int = 0) -> Read:
    return Read(render_page(str(found.folder), run_sections(found, pairs=pairs)))


def in_order(text: str, *parts: str) -> None:
    places = [text.index(part) for part in parts]
    assert places == sorted(places), list(zip(parts, places, strict=True))


def test_the_top_answers_what_is_asked_first(run: Path) -> None:
    text = show(read_contents(run)).text
    in_order(
        text,
        "better",
        "Did it work? +32.0 points 31.0% → 63.0%",
        "Is it real? yes +28.0 to +36.0 points, 95%; 77 fixed, 13 broken, p = 1.5e-09",
        "Are the data clean? underpowered",
        "About 0.4% of the rejected may be right.",
        "What did it cost? 0 tokens",
        "Trained on 33 pairs 30 steps",
        "Accuracy before and after",
        "Where every attempt went",
        "Shortcut audit",
        "Implicit rewards",
        "Rungs, teachers and cost",
        "How long the texts are",
        "What can be doubted",
    )


@pytest.mark.parametrize(
    ("gain", "p", "badge", "sentence"),
    [
        (0.32, 1.5e-9, "better", "were both equally good, such a difference would come up with p = 1.5e-09"),
        (-0.1, 0.001, "worse", "The gain is −10.0 points"),
        (0.02, 0.4, "no change shown", "Such a difference is no surprise where nothing has changed (p = 0.4)."),
    ],
)
def test_a_change_is_called_what_the_test_says(run: Path, gain: float, p: float, badge: str, sentence: str) -> None:
    (run / "evaluation.json").write_text(make_evaluation(gain, p).model_dump_json())
    page = show(read_contents(run))
    finish(run)
    assert badge in page.text
    assert sentence in page.text


def test_every_number_of_an_evaluation_is_on_the_page(run: Path) -> None:
    text = show(read_contents(run)).text
    for part in ("31.0%", "25.0% – 36.0%", "+32.0 points", "+28.0 to +36.0", "1.5e-09", "5 (2 cut, 1 failed)"):
        assert part in text, part
    for part in ("37", "1,234", "pass@4 41.0% (36.0% – 46.0%)", "maj@4", "1.83 (1.78 to 1.88)", "0.47"):
        assert part in text, part
    for part in ("after mends 31 and spoils 11", "+10.0 (+5.0 to +15.0)", "0.0029", "edge, 40 problems"):
        assert part in text, part
    for part in ("By topic", "sums", "31.0% (10.0% – 60.0%)", "Fixed by after, held out: 1 of 77", "2 + 5 = 9"):
        assert part in text, part
    assert "edge: after moved by -0.010." in text


def test_training_and_rewards_are_told(run: Path) -> None:
    page = show(read_contents(run))
    for part in ("33 pairs, 30 steps, 12 s. The loss went from 0.680 to 0.580", "+0.60 nats a text"):
        assert part in page.text, part
    for part in (
        "97.0%",
        "89.6% – 99.2% of 66 pairs",
        "0.43 0.38 to 0.48 in reward, β 0.1",
        "3.0%",
        "0.91 to 1.01 a text; 0.0227 (−0.0273 to 0.0727) a token",
    ):
        assert part in page.text, part
    assert "The chosen texts have become more likely (+1.50 nats)" in page.text
    assert "margin, validation" in page.all


def test_doubts_and_costs_are_told(run: Path) -> None:
    page = show(read_contents(run))
    for part in (
        "14 tries at 14 mistakes ended in an objection (gold looks wrong 7, attempt is right 7); 14 of these",
        "repeated mistake dropped 24 35.8%",
        "5 attempts, by reason:",
        "5 no final answer found",
        "2 rows.",
        "revise 43 22 51.2% 75.9%",
        "reference 7 7 100.0% 24.1%",
        "revise t no 22",
        "chosen 29",
    ):
        assert part in page.text, part
    for part in ("it leads elsewhere", "2 of 4", "wrong: ", "I do not know"):
        assert part in page.all, part


def test_what_is_not_there_yet_names_the_command_that_makes_it(run: Path, tmp_path: Path) -> None:
    config = run / "config.yaml"
    for name in ("attempts.jsonl", "config.yaml"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    text = show(read_contents(tmp_path)).text
    config = tmp_path / "config.yaml"
    for command in ("build", "train", "evaluate"):
        assert f"Run errata {command} {config}" in text, command
    assert f"Run errata audit {tmp_path}" in text
    assert "not evaluated" in text
    (tmp_path / "summary.json").write_bytes((run / "summary.json").read_bytes())
    text = show(read_contents(tmp_path)).text
    assert "67 (69.8%) were wrong" in text
    assert "There is no data set yet." in text


def test_one_model_alone_is_shown_without_a_change(run: Path) -> None:
    found = make_evaluation()
    sets = {
        name: one.model_copy(update={"scores": {"before": one.scores["before"]}, "changes": {}})
        for name, one in found.sets.items()
    }
    one = found.model_copy(update={"models": {"before": "org/student"}, "sets": sets})
    (run / "evaluation.json").write_text(one.model_dump_json())
    text = show(read_contents(run)).text
    finish(run)
    assert "there is none to compare it with" in text
    assert "Did it work?" not in text


def make_loop_folder(folder: Path, run: Path, *rounds: Any, **more: Any) -> Path:
    folder.mkdir(exist_ok=True)
    loop = make_loop(*rounds, **more)
    for one in loop.rounds:
        shutil.copytree(run, folder / one.run)
    (folder / "loop.json").write_text(loop.model_dump_json())
    return folder


def test_a_loop_shows_all_rounds_and_then_its_best(run: Path, tmp_path: Path) -> None:
    text = show(read_contents(make_loop_folder(tmp_path, run, stopped="no significant gain"))).text
    in_order(
        text,
        "2 rounds of 3; the best is round 2. round 2 is better by 40 points.",
        "Did it work? +40.0 points 40.0% → 80.0%",
        "What did it cost? 2.50 all rounds; the last call of each, 2 min in all",
        "In round 2:",
        "Significant gains: round 1, 2; significant falls: none.",
        "It stopped: no significant gain",
        "2, the best 70.0% 80.0% 76.0% – 83.0% +10.0 points",
        "2 300 456 211 211 clean, cleaned +0.49 1.25 61 s",
        "What follows tells of round 2.",
        "Accuracy before and after, round 2",
    )


def test_a_loop_without_a_round_says_how_to_go_on(tmp_path: Path) -> None:
    loop = make_loop().model_copy(update={"rounds": (), "best": None, "total": None})
    (tmp_path / "loop.json").write_text(loop.model_dump_json())
    assert "No round has come to its end; errata loop goes on." in show(read_contents(tmp_path)).text


def test_an_ablation_shows_its_best_cell_and_what_each_value_does(run: Path, tmp_path: Path) -> None:
    (run / "ablation.json").write_text(make_ablation().model_dump_json())
    page = show(read_contents(run))
    (run / "ablation.json").unlink()
    in_order(
        page.text,
        "Did it work? +32.0 points",
        "4 cells over train.beta × train.loss.sft, each asked the same 250 held-out problems.",
        "The best is beta 0.3, sft 1: 90.0%, where the student had 31.0%. The intervals of 0 of the others",
        "0.3 75.0% +15.0 points +10.0 to +20.0 2",
        "Accuracy before and after",
    )
    for part in ("84.0% – 96.0%", "1.2e-12", "+59.0"):
        assert part in page.all, part
    (tmp_path / "ablation.json").write_text(make_ablation("ablation/given/cell").model_dump_json())
    cell = tmp_path / "ablation" / "given" / "cell"
    cell.mkdir(parents=True)
    (cell / "evaluation.json").write_bytes((run / "evaluation.json").read_bytes())
    text = show(read_contents(tmp_path)).text
    best = "Did it work? +59.0 points 31.0% → 90.0%, the best of 4: it was lucky, too"
    in_order(text, best, "Accuracy before and after")
    assert "Where every attempt went" not in text


def test_ids_are_unique_and_the_list_of_pairs_comes_last(run: Path) -> None:
    sections = run_sections(read_contents(run), pairs=10)
    assert [section.id for section in sections][-1] == "pairs"
    assert len({section.id for section in sections}) == len(sections) == 10
    assert [section.id for section in run_sections(read_contents(run), pairs=0)][-1] == "run-doubts"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loop whose every text is hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    run = build_small(folder, HOSTILE)
    flip = {"problem_id": "p", "question": HOSTILE, "answer": HOSTILE, "before": HOSTILE, "after": HOSTILE * 100}
    change = {"examples": {"fixed": [flip], "broken": [flip]}, "conclusion": HOSTILE}
    told = json.loads(make_evaluation(**change).model_dump_json())
    told["models"] = {HOSTILE: HOSTILE, "after": HOSTILE}
    told["sets"][HOSTILE] = told["sets"].pop("edge")
    for result in told["sets"].values():
        result["scores"] = {HOSTILE: result["scores"]["before"], "after": result["scores"]["after"]}
    for score in told["sets"]["held_out"]["scores"].values():
        score["slices"] = {
            HOSTILE: {HOSTILE: score["slices"]["topic"]["sums"], "x" * 9999: score["slices"]["topic"]["sums"]}
        }
    finish(run)
    (run / "evaluation.json").write_text(json.dumps(told))
    axes = {"train.beta": (HOSTILE, "x"), HOSTILE: (HOSTILE, "y" * 9999)}
    cell = make_ablation().cells[0].model_copy(update={"values": {"train.beta": HOSTILE, HOSTILE: HOSTILE}})
    (run.parent / "ablation.json").write_text(make_ablation(axes=axes, cells=(cell,)).model_dump_json())
    one = make_round(1, 0.5, run="run", student=HOSTILE, policy=HOSTILE, conclusion=HOSTILE, audit=HOSTILE)
    total = make_change(0.4, conclusion=HOSTILE)
    (run.parent / "loop.json").write_text(make_loop(one, stopped=HOSTILE, total=total).model_dump_json())
    config = json.loads(json.dumps({"student": {"model": HOSTILE}, "teachers": {HOSTILE: {"model": HOSTILE}}}))
    (run / "config.yaml").write_text(json.dumps(config))
    return run.parent


def test_model_text_adds_no_element_no_attribute_and_no_invisible_character(run: Path, hostile: Path) -> None:
    calm, page = show(read_contents(run)), show(read_contents(hostile))
    plain = {"details", "summary", "b", "br", "code", "li", "ul", "small", "tr", "th", "thead", "tbody", "figure"}
    assert set(page.tags) <= set(calm.tags) | plain
    assert page.tags.count("script") - calm.tags.count("script") == len(page.data) - len(calm.data)
    assert page.attributes <= calm.attributes | {"colspan", "scope"}
    told = "".join(page.texts) + json.dumps(page.data, ensure_ascii=False)
    assert all(character.isprintable() for character in set(told) - {"\n"})
    assert HOSTILE.replace("\u202e", "·") in page.text
    assert "{{ 7 * 7 }}" in page.text


def test_labels_of_figures_are_escaped_for_plotly(hostile: Path) -> None:
    figures = [figure for section in run_sections(read_contents(hostile)) for figure in section.figures.values()]
    told = json.dumps(figures, ensure_ascii=False)
    assert "&lt;script&gt;" in told
    assert "<script" not in told
    assert "<img" not in told


def test_long_texts_of_tables_are_cut_with_a_mark(tmp_path: Path) -> None:
    run = build_small(tmp_path, "y" * 50_000, audit=None, filters=[])
    file = tmp_path / "page.html"
    write_run_page(file, read_contents(run), pairs=0)
    assert file.stat().st_size < 8_000_000
    assert "… (50,0" in file.read_text()


def test_the_page_is_one_file_without_an_address_to_load(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    write_run_page(file, read_contents(run), pairs=5)
    page = Read(file.read_text(encoding="utf-8"))
    assert {"link", "img", "iframe", "base", "object"}.isdisjoint(page.tags)
    assert "src" not in page.attributes
    assert page.tags.count("h1") == 1
    assert str(run) in page.text


def test_an_audit_of_the_run_is_on_its_page_with_its_own_words_once(run: Path, before: Audit) -> None:
    kept = (run / "audit.json").read_text()
    (run / "audit.json").write_text(before.model_dump_json())
    page = show(read_contents(run))
    (run / "audit.json").write_text(kept)
    for part in (
        "A few habits give the chosen texts away",
        "Let us see.",
        "74.2%",
        "+10.8%",
        "How to read the numbers",
    ):
        assert part in page.text, part
    assert page.text.count("How to read the numbers") == 1
    assert "300 : 1" in page.all
