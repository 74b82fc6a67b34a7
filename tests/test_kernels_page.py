"""The table of kernels is written from what pytest says in guests."""

import importlib.util

import pytest

SAID = """
FAILED plugins/syscall/tests/drivers/test_entered.py::test_text[tracepoint] - assert (0, 256) == (-95, 256)
ERROR plugins/syscall/tests/test_e2e.py::test_public_rules - OSError
2 failed, 130 passed, 17 skipped, 1 error in 653.67s (0:10:53)
[  659.763201] sysrq: Power Off
"""


@pytest.fixture(scope="module")
def page(root):
    """Return the generator of docs/kernels.md."""
    spec = importlib.util.spec_from_file_location("kernels_page", root / "docs" / "kernels_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_run(page):
    """A row has the numbers of pytest's last line, with errors among the failures, and names what failed."""
    found = page.row("6.1.0-50-amd64", SAID.splitlines())

    which = "`test_entered.py::test_text[tracepoint]`, `test_e2e.py::test_public_rules`"
    assert ("6.1.0-50-amd64", "130", "17", "3", which) == found[:5]


def test_a_guest_that_does_not_end(page):
    """A guest that was ended before pytest was done has no numbers, and does not count as good."""
    assert ("0", "0", "did not end") == page.row("6.1.0-50-amd64", SAID.splitlines()[:2])[1:4]


def test_rows_of_other_kernels_stay(page, root):
    """A run takes the place of the former run of its kernel, and leaves other rows; kernels are in order."""
    text = (root / "docs" / "kernels.md").read_text()
    rows = [page.Row(f"6.{minor}.0-1-amd64", "1", "0", "0", "-", "2026-11-28") for minor in (12, 1, 9)]
    later = page.written(rows[:1], page.written(rows, text).replace("| 1 | 0 | 0 |", "| 7 | 0 | 0 |"))

    (table,) = [part.partition(page.END)[0] for part in later.split(page.BEGIN)[1:]]
    ours = [line for line in table.splitlines() if "-1-amd64" in line]
    assert ["| 6.1.0", "| 6.9.0", "| 6.12."] == [line[:7] for line in ours]
    assert ["7", "7", "1"] == [line.split(" | ")[1] for line in ours]
    assert later == page.written([], later)
