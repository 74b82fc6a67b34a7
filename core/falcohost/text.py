"""Conversion between text and bytes: fields return str, the rule language compares bytes, and not all bytes are UTF-8.

Bytes that are not UTF-8 are lone surrogates in a str (``surrogateescape``); outputs show them as U+FFFD.
"""

from falcohost.engine.buffers import buffer_text
from falcohost.engine.texts import bytes_text, text_bytes, valid

__all__ = ["buffer_text", "bytes_text", "text_bytes", "valid"]
