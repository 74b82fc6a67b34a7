"""Buffers in text: dots for what is not printable, or base64."""

import pytest

from falcohost.engine.buffers import LIMIT, buffer_text, show_as_base64
from falcohost.engine.render import text_of


@pytest.fixture
def in_base64():
    """Show buffers in base64 for one test."""
    show_as_base64(True)
    yield
    show_as_base64(False)


def test_dots():
    """Characters other than printable ASCII become dots, and buffers longer than Falco shows are cut."""
    assert "ab...c" == buffer_text(b"ab\0\n\xffc") == text_of(b"ab\0\n\xffc")
    assert "x" * LIMIT == buffer_text(b"x" * (LIMIT + 1))


@pytest.mark.usefixtures("in_base64")
def test_base64():
    """With buffer_format_base64 it is every byte, in base64."""
    assert "aGVsbG8AAf8gd29ybGQ=" == buffer_text(b"hello\0\1\xff world") == text_of(b"hello\0\1\xff world")
