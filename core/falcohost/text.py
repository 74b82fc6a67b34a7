"""Text and bytes of events: fields return str, the rule language compares bytes, and not all bytes are UTF-8.

Bytes that are not UTF-8 stand in a text as lone surrogates (``surrogateescape``); outputs show U+FFFD for them.
"""

from falcohost.engine.buffers import buffer_text
from falcohost.engine.texts import bytes_text, text_bytes, valid

__all__ = ["buffer_text", "bytes_text", "text_bytes", "valid"]
