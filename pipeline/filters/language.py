"""The chosen text is in another script than the question, or than the rejected text.

Scripts are all that is told apart: French is not told from English. What is written in figures has no language.
"""

from __future__ import annotations

import re
from typing import Literal

from pipeline.filters.base import Action, FilterSettings, Texts
from pipeline.languages import count_scripts, differs_in_language
from pipeline.types import Finding

FOREIGN = re.compile(
    "[\u0370-\u1dff\u1f00-\u1fff\u2c00-\ufb06\ufe70-\ufefc\uff66-\uffdc\U00010000-\U0001cfff\U00020000-\U0003ffff]"
)
"""Letters of other scripts than the Latin one; the alphabets of mathematics are none."""


class Settings(FilterSettings):
    """A text of a few letters is left alone. Both texts may be in the language of an earlier turn."""

    filter: Literal["language"] = "language"
    action: Action = "drop"
    """Dropped: it teaches to change the language."""

    def find(self, pair: Texts) -> Finding | None:
        texts = (pair.question, pair.chosen, pair.rejected)
        if not any(not text.isascii() and FOREIGN.search(text) for text in texts):
            return None
        other = differs_in_language(pair.rejected, pair.chosen) is not None
        reason = differs_in_language(pair.question, pair.chosen)
        if reason and (other or differs_in_language(pair.prompt, pair.chosen)):
            return self.say(reason)
        if other:
            chosen, rejected = (count_scripts(text).most_common(1)[0][0].capitalize() for text in texts[1:])
            return self.say(f"it is written in {chosen} script, the rejected text in {rejected}")
        return None
