"""Prompts are filled in one pass; data never acts as a template."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.prompts import Prompts
from pipeline.types import Problem

PROBLEM = Problem(id="p", question="What is {{ 7 * 7 }}? {% raw %}", answer="{{ question }}", extras={"topic": "sums"})


def test_data_is_inserted_word_for_word() -> None:
    assert Prompts().load("student").fill(PROBLEM) == PROBLEM.question
    shown = Prompts().load("gold_guided").fill(PROBLEM, gold=True, answer_format="End so.", reply_form="")
    assert PROBLEM.question in shown
    assert "{{ question }}" in shown
    assert "49" not in shown


def test_a_users_folder_overrides_file_by_file_and_changes_the_hash(tmp_path: Path) -> None:
    (tmp_path / "student.jinja").write_text("{{ topic }}: {{ question }}")
    prompts = Prompts(tmp_path)
    assert prompts.load("student").fill(PROBLEM).startswith("sums: What")
    assert prompts.load("student").hash != Prompts().load("student").hash
    assert prompts.load("gold_guided").hash == Prompts().load("gold_guided").hash


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("{{ qestion }}", "there is no 'qestion'; did you mean 'question'? available: question, topic"),
        ("one\n{{ question", "student.jinja:2"),
        ("{{ question.__class__.__mro__ }}", "student.jinja"),
        ("{{ question.strip }}", "named and not called"),
        ("{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}", "student.jinja: RecursionError"),
        ("{{ 2**99999 }}", "student.jinja: ValueError"),
        ("{{ [1, 2] | random }}", "No filter named 'random'"),
    ],
)
def test_a_template_that_cannot_be_filled_is_named(tmp_path: Path, source: str, told: str) -> None:
    (tmp_path / "student.jinja").write_text(source)
    with pytest.raises(ConfigError) as caught:
        Prompts(tmp_path).load("student").fill(PROBLEM)
    assert told in str(caught.value)


def test_an_unknown_prompt_or_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no prompt 'studnt'; did you mean 'student'"):
        Prompts().load("studnt")
    with pytest.raises(ConfigError, match="no folder"):
        Prompts(tmp_path / "nowhere")


def test_a_link_out_of_the_folder_is_no_prompt_since_what_is_there_would_be_sent_away(tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    folder.mkdir()
    (tmp_path / "key").write_text("private")
    (folder / "student.jinja").symlink_to(tmp_path / "key")
    with pytest.raises(ConfigError, match="is a link that leads out of its folder"):
        Prompts(folder).load("student")
    (folder / "data").mkdir()
    (folder / "data" / "student.jinja").write_text("{{ question }}!")
    (folder / "student.jinja").unlink()
    (folder / "student.jinja").symlink_to("data/student.jinja")
    assert Prompts(folder).load("student").fill(PROBLEM) == f"{PROBLEM.question}!"


@pytest.mark.parametrize(
    "source",
    ["{{ cycler.__init__.__globals__.os.system('touch MARK') }}", "{% include 'MARK' %}", "{{ lipsum.__globals__ }}"],
)
def test_a_template_of_somebodys_stays_in_its_sandbox(tmp_path: Path, source: str) -> None:
    mark = tmp_path / "owned"
    (tmp_path / "student.jinja").write_text(source.replace("MARK", str(mark)))
    with pytest.raises(ConfigError, match=r"student\.jinja"):
        Prompts(tmp_path).load("student").fill(PROBLEM)
    assert not mark.exists()
