"""The public names: what plugins may import, pinned, so that none goes or comes unnoticed."""

import importlib
import inspect

import pytest

from falcohost.api import MODULES

PUBLIC = {
    "falcohost": [
        "AddressTaken",
        "Alert",
        "AlertFormat",
        "Arg",
        "ArgKind",
        "Batch",
        "CommandSpec",
        "Compare",
        "ConfigError",
        "ConfigKey",
        "Described",
        "DriverSpec",
        "DropPolicy",
        "EarlyLoader",
        "Event",
        "EventParam",
        "FalcohostError",
        "Field",
        "FieldType",
        "HasActor",
        "HasOwnTime",
        "HasResources",
        "HasSubject",
        "MarkedSource",
        "MeasuredSource",
        "Output",
        "OutputClosed",
        "OutputError",
        "OutputRefused",
        "OutputSpec",
        "Partial",
        "Plan",
        "PluginError",
        "PreparedCache",
        "Priority",
        "ProcessSubject",
        "RecordSource",
        "ResourceSubject",
        "RetriedProblem",
        "RuleMetadata",
        "RulesError",
        "Source",
        "SourceError",
        "SourceLoader",
        "SourceSpec",
        "SourceStats",
        "StandsFor",
        "Subject",
        "TypeCount",
        "UnknownValueError",
        "UserSubject",
        "Viewed",
        "WritingSource",
        "hookimpl",
    ],
    "falcohost.action": ["Action", "ActionError", "ActionSpec"],
    "falcohost.agent": ["AgentProcess", "Job", "KnowsAgent", "TamperedError"],
    "falcohost.appending": ["open_appending"],
    "falcohost.arguments": ["chosen"],
    "falcohost.aws": [
        "ENVIRONMENT",
        "KEYS",
        "AwsError",
        "AwsSession",
        "AwsSettings",
        "asked",
        "capabilities",
        "clock",
        "is_about_the_object",
        "read_aws",
    ],
    "falcohost.by_name": ["Called", "Kind", "called_by_name", "how_called"],
    "falcohost.clock": [
        "SYSTEM",
        "Clock",
        "SystemClock",
    ],
    "falcohost.digest": ["blake2b"],
    "falcohost.helpers": [
        "HELPERS",
        "Helper",
        "HelperEnded",
        "HelperPort",
        "HelperSpec",
        "port_in",
        "prepare_threads",
        "return_memory",
    ],
    "falcohost.ir": [
        "FALSE",
        "TRUE",
        "And",
        "Check",
        "Const",
        "Exists",
        "Expr",
        "FieldRef",
        "ListOf",
        "Literals",
        "Not",
        "Operand",
        "Or",
        "Transform",
        "checks",
        "parse_glob",
        "predicate",
        "regex_literals",
        "shown",
        "shown_operand",
        "specialise",
    ],
    "falcohost.jsonlog": [
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
    ],
    "falcohost.kept": ["MOST_KEPT", "LoadAgain", "former", "held", "hold", "inherited", "keep", "room"],
    "falcohost.lasting": ["Memory", "keep_to_oneself", "make"],
    "falcohost.lookups": [
        "GIVEN_UP",
        "PENDING",
        "AskedLookup",
        "Beside",
        "BoundedLookup",
        "CountingLookup",
        "FailingLookup",
        "Key",
        "Lookup",
        "LookupSpec",
        "NotYet",
        "WakingLookup",
    ],
    "falcohost.needs": [
        "ALL",
        "BENEATH",
        "CODE",
        "CONNECT",
        "GENEROUS",
        "INSPECT",
        "LISTEN",
        "MAPS",
        "MODULE",
        "NOTHING",
        "PAUSE",
        "PROBE",
        "PROGRAM",
        "SIGNAL",
        "THREADS",
        "WATCH",
        "WRITE",
        "Modest",
        "Needs",
        "needs_of",
    ],
    "falcohost.own_program": ["OwnProgram", "own_program"],
    "falcohost.poll": [
        "ENVIRONMENT",
        "Answer",
        "BackOff",
        "Explain",
        "Failures",
        "HttpClient",
        "HttpError",
        "HttpLimits",
        "Page",
        "PollError",
        "PollInput",
        "Poller",
        "Seen",
        "Unreadable",
        "array_items",
        "find_secret",
        "how_to_install",
        "poll_problem",
        "read_secret",
        "texts_of",
    ],
    "falcohost.port": [
        "LocalPort",
        "Port",
        "PortClosed",
        "SocketPort",
        "serve",
        "serve_late",
    ],
    "falcohost.program": [
        "PROGRAM",
        "PROGRAM_KEYS",
        "Program",
        "ProgramInput",
        "read_program",
        "shown_program",
    ],
    "falcohost.readable": ["HasFileno", "readable"],
    "falcohost.recording": ["EndingSource", "Recorded", "Recorder"],
    "falcohost.regular": ["BUNDLE", "MIB", "SMALL", "is_there", "read_regular", "require_regular"],
    "falcohost.sentinel": ["MOST_CAUSE", "Heard", "SentinelSource"],
    "falcohost.settings": [
        "OPEN_PARAMS",
        "Settings",
    ],
    "falcohost.subscriber": [
        "Answer",
        "NewAlert",
        "Subscriber",
        "SubscriberSpec",
        "TimedSubscriber",
    ],
    "falcohost.testing": [
        "HttpServer",
        "LookupContract",
        "OutputContract",
        "PluginContract",
        "Reply",
        "Request",
        "RuleTestsContract",
        "SourceContract",
        "SubscriberContract",
        "alert",
        "projection_problems",
        "rules_fired",
        "skip_or_fail",
    ],
    "falcohost.text": [
        "buffer_text",
        "bytes_text",
        "text_bytes",
        "valid",
    ],
    "falcohost.trust": [
        "code_owner",
        "distrust",
        "distrust_all",
        "trusted_users",
        "writers",
    ],
    "falcohost.web": [
        "SIGNATURE",
        "Address",
        "Form",
        "Listener",
        "Rejected",
        "Secret",
        "WebLimits",
        "WebhookInput",
        "is_address",
        "read_address",
        "read_secret",
        "read_token",
        "secret_files",
    ],
}


@pytest.fixture(params=MODULES)
def module(request):
    """Return each public module."""
    return importlib.import_module(request.param)


def test_public_modules():
    """These modules are public, and no other."""
    assert sorted(PUBLIC) == sorted(MODULES)


def test_exported_members(module):
    """``__all__`` has the public names, in order, and each of them is there."""
    assert PUBLIC[module.__name__] == list(module.__all__)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_nothing_else_is_public(module):
    """A name without an underscore that a public module defines is exported."""
    loose = [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and name not in module.__all__ and not inspect.ismodule(value)
        if str(getattr(value, "__module__", "")).startswith(module.__name__)
    ]

    assert loose == []


def test_public_members_are_documented(module):
    """Every public class and function has a docstring of its own, and so have their public methods."""
    members = [getattr(module, name) for name in module.__all__ if name != "hookimpl"]
    members = [member for member in members if inspect.isclass(member) or inspect.isfunction(member)]
    methods = [
        method
        for member in members
        if inspect.isclass(member)
        for name, method in vars(member).items()
        if inspect.isfunction(method) and not name.startswith("_")
    ]

    assert [member.__qualname__ for member in [*members, *methods] if not member.__doc__] == []
