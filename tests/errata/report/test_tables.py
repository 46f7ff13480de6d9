"""Tables as the page's script reads them."""

from __future__ import annotations

import pytest

from errata.report.tables import Facet, Table


def test_columns_are_told_by_their_place_and_texts_are_made_visible() -> None:
    table = Table(("text", "n"), [("a\u202eb\n", ("1,000", 1000))], [Facet("text", {"a\u202eb\n": "A\0"})], ("n",))
    assert table.as_json() == {
        "columns": ["text", "n"],
        "rows": [["a·b⏎", ("1,000", 1000)]],
        "facets": [{"column": 0, "labels": [("a·b⏎", "A·")], "start": None}],
        "numbers": [1],
    }


def test_a_column_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="rule"):
        Table(("text",), [], [Facet("rule", {})]).as_json()
