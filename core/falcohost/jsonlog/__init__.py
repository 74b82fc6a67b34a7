"""Event sources for JSON logs: the building blocks of plugins for audit logs.

A plugin describes its log (:class:`JsonLog`) and where it is (:func:`file_input`). :class:`JsonSource` does the rest:
it reads texts, splits them into records, decodes only the fields that rules read, and counts what cannot be read.
"""

from falcohost.engine.paths import ABSENT, at, json_text, lookup, path_keys, text_getter, value_getter
from falcohost.jsonlog.blocks import read_blocks
from falcohost.jsonlog.check import files_check, open_problem
from falcohost.jsonlog.decode import whole_record
from falcohost.jsonlog.event import PLUGIN_EVENT, JsonEvent, event_of
from falcohost.jsonlog.fields import JSON_FIELDS
from falcohost.jsonlog.files import FOLLOW, capabilities, file_input
from falcohost.jsonlog.inputs import MIB, Input, Limits, Origin, Texts
from falcohost.jsonlog.lines import texts
from falcohost.jsonlog.log import JsonLog
from falcohost.jsonlog.position import Pace
from falcohost.jsonlog.refusals import NOT_AN_OBJECT, NOT_JSON, TOO_DEEP, Refusals, Refused
from falcohost.jsonlog.source import JsonSource
from falcohost.jsonlog.subjects import resource_at, user_at
from falcohost.jsonlog.times import parse_time
from falcohost.jsonlog.told import pushed
from falcohost.jsonlog.values import elements
from falcohost.jsonlog.whole import whole_document

__all__ = [
    "ABSENT",
    "FOLLOW",
    "JSON_FIELDS",
    "MIB",
    "NOT_AN_OBJECT",
    "NOT_JSON",
    "PLUGIN_EVENT",
    "TOO_DEEP",
    "Input",
    "JsonEvent",
    "JsonLog",
    "JsonSource",
    "Limits",
    "Origin",
    "Pace",
    "Refusals",
    "Refused",
    "Texts",
    "at",
    "capabilities",
    "elements",
    "event_of",
    "file_input",
    "files_check",
    "json_text",
    "lookup",
    "open_problem",
    "parse_time",
    "path_keys",
    "pushed",
    "read_blocks",
    "resource_at",
    "text_getter",
    "texts",
    "user_at",
    "value_getter",
    "whole_document",
    "whole_record",
]
