"""Translates YAML errors into the messages of Falco's YAML library.

Scripts read these messages in the JSON output of ``-V``. Falcohost uses another parser; its message and the character
that it complains about tell which of Falco's messages applies.
"""

from __future__ import annotations

_WORDS = {
    "mapping values are not allowed in this context": "illegal map value",
    "mapping keys are not allowed in this context": "illegal map key",
    "block sequence entries are not allowed in this context": "illegal block entry",
    "did not find expected '-' indicator": "end of sequence not found",
    "did not find expected ',' or ']'": "end of sequence flow not found",
    "did not find expected ',' or '}'": "end of map flow not found",
    "did not find expected key": "end of map not found",
    "found a tab character that violates indentation": "illegal tab when looking for indentation",
    "found character that cannot start any token": "unknown token",
    "found unexpected document indicator": "illegal document indicator in scalar",
    "found unexpected end of stream": "illegal EOF in scalar",
    "found incompatible YAML document": "YAML major version too large",
    "found an indentation indicator equal to 0": "cannot set zero indentation for a block scalar",
    "did not find expected comment or line break": "unexpected character in block scalar",
    "did not find the expected '>'": "end of verbatim tag not found",
    "did not find expected hexdecimal number": "bad character found while scanning hex number",
    "could not find expected ':'": "illegal map value",
}
_AFTER = {"while scanning an alias": "alias not found after *", "while scanning an anchor": "anchor not found after &"}
_NOTHING_THERE = {
    "while parsing a block node": "end of sequence not found",
    "while parsing a flow node": "end of map flow not found",
}
_PLAIN_END = " \t\r\n,]}"


def in_falcos_words(context: str, problem: str, text: str, offset: int) -> str:
    """Return Falco's message for the parser's *context* and *problem* about the character at *offset*."""
    character = text[offset : offset + 1]
    if problem == "found unknown escape character":
        return f"unknown escape character: {text[offset + 1 : offset + 2]}"
    if problem == "found undefined alias":
        return f"the referenced anchor is not defined: {_word(text, offset + 1)}"
    if problem == "did not find expected alphabetic or numeric character" and context in _AFTER:
        return _AFTER[context]
    if problem.startswith("did not find expected") and character and character in "]}":
        return "illegal flow end"
    if problem == "did not find expected node content":
        return _NOTHING_THERE.get(context, problem)
    if problem == "did not find expected key" and _follows_scalar(text, offset):
        return "unexpected scalar"
    return _WORDS.get(problem, problem)


def _word(text: str, begin: int) -> str:
    end = begin
    while end < len(text) and text[end] not in _PLAIN_END:
        end += 1
    return text[begin:end]


def _follows_scalar(text: str, offset: int) -> bool:
    """Return whether a scalar ends on the same line before *offset*, such as a quoted string followed by more text."""
    before = text[text.rfind("\n", 0, offset) + 1 : offset]
    return before.rstrip()[-1:] in ("'", '"')
