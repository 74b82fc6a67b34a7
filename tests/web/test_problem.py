"""What a body without records is told apart by."""

from __future__ import annotations

import pytest

from falcohost.jsonlog.refusals import NOT_JSON
from falcohost.web.body import problem


@pytest.mark.parametrize(("parts", "found"), [(9_999, None), (10_000, NOT_JSON)])
@pytest.mark.parametrize("damaged", [b"{x}", b'{"n":x}'])
def test_a_record_is_looked_for_in_the_first_parts(damaged, parts, found):
    """Millions of parts that are no records took a minute, in which no other sender was served."""
    assert problem(damaged * parts + b'{"n":1}') is found
