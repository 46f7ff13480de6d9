"""An answer format in words, for a teacher who is to write in it."""

from __future__ import annotations

from pipeline.answer_format.form import ANSWER, AnswerFormat


def instruct(target: AnswerFormat) -> str:
    """One or two sentences."""
    told = {
        "lines": "Write one step a line.",
        "paragraphs": "Set the steps apart by blank lines.",
        "numbered": f"Number the steps: {(target.numbering or '').strip()}",
        "sentences": "Write one paragraph.",
        None: "",
    }[target.layout]
    end = "End with the final answer on a line of its own."
    if target.final is not None:
        end = f"End with the final answer in this form: {target.final.strip().replace(ANSWER, '<answer>')}"
    return " ".join(part for part in (told, end) if part)
