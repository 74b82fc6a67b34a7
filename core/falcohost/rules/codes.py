"""The stable codes of the errors and warnings of loading rules, each with its short text."""

from __future__ import annotations

import enum


class ErrorCode(enum.Enum):
    """An error: the file is refused. The value is the short text."""

    LOAD_ERR_FILE_READ = "File read error"
    LOAD_ERR_YAML_PARSE = "YAML parse error"
    LOAD_ERR_YAML_VALIDATE = "Error validating internal structure of YAML file"
    LOAD_ERR_COMPILE_CONDITION = "Error compiling condition"
    LOAD_ERR_COMPILE_OUTPUT = "Error compiling output"
    LOAD_ERR_VALIDATE = "Error validating rule/macro/list/exception objects"
    LOAD_ERR_EXTENSION = "Error in extension item"


class WarningCode(enum.Enum):
    """A warning: the file is loaded. The value is the short text."""

    LOAD_UNKNOWN_SOURCE = "Unknown event source"
    LOAD_UNSAFE_NA_CHECK = "Unsafe <NA> comparison in condition"
    LOAD_NO_EVTTYPE = "Condition has no event-type restriction"
    LOAD_UNKNOWN_FILTER = "Unknown field or event-type in condition or output"
    LOAD_UNUSED_MACRO = "Unused macro"
    LOAD_UNUSED_LIST = "Unused list"
    LOAD_UNKNOWN_ITEM = "Unknown rules file item"
    LOAD_DEPRECATED_ITEM = "Used deprecated item"
    LOAD_WARNING_EXTENSION = "Warning in extension item"
    LOAD_APPEND_NO_VALUES = "Overriding/appending with no values"
    LOAD_EXCEPTION_NAME_NOT_UNIQUE = "Multiple exceptions defined with the same name"
    LOAD_INVALID_MACRO_NAME = "Invalid macro name"
    LOAD_INVALID_LIST_NAME = "Invalid list name"
    LOAD_COMPILE_CONDITION = "Warning in rule condition"
    LOAD_UNKNOWN_KEY = "Unknown key in item definition"


#: A longer text for each warning; JSON results carry it as ``codedesc``.
WARNING_MEANINGS = {
    WarningCode.LOAD_UNKNOWN_SOURCE: "No loaded plugin provides the rule's event source; the rule is skipped.",
    WarningCode.LOAD_UNSAFE_NA_CHECK: "The condition compares a field with <NA>, which does not tell whether the field "
    "has a value; the operator 'exists' does.",
    WarningCode.LOAD_NO_EVTTYPE: "The condition has to be evaluated for too many event types, which costs time on "
    "every event; restrict it with evt.type.",
    WarningCode.LOAD_UNKNOWN_FILTER: "The condition or the output names a field or an event type that does not exist; "
    "with skip-if-unknown-filter the rule is skipped instead.",
    WarningCode.LOAD_UNUSED_MACRO: "No rule and no macro uses the macro.",
    WarningCode.LOAD_UNUSED_LIST: "No rule, no macro and no list uses the list.",
    WarningCode.LOAD_UNKNOWN_ITEM: "Rules files cannot have such an item; it is ignored.",
    WarningCode.LOAD_DEPRECATED_ITEM: "The list, macro or rule uses something that is deprecated.",
    WarningCode.LOAD_WARNING_EXTENSION: "An extension warns about its item.",
    WarningCode.LOAD_APPEND_NO_VALUES: "An exception is appended or overridden without giving values.",
    WarningCode.LOAD_EXCEPTION_NAME_NOT_UNIQUE: "The rule has more than one exception of the same name.",
    WarningCode.LOAD_INVALID_MACRO_NAME: "No condition can refer to a macro with this name.",
    WarningCode.LOAD_INVALID_LIST_NAME: "No condition can refer to a list with this name.",
    WarningCode.LOAD_COMPILE_CONDITION: "The condition is valid, but probably not what was meant.",
    WarningCode.LOAD_UNKNOWN_KEY: "The item has an unknown key, which is ignored: a typing mistake, or a key of "
    "another kind of item.",
}
