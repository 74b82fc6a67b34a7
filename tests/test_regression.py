"""Falco's own regression cases, run on the command line as their authors ran them, and held against what they expect.

A case is a set of rules files, flags, a configuration perhaps, and what comes of it. What a case expects of a capture
that the corpus lacks is judged in one that is made by hand, or else as far as loading goes (the rules load, and those
that are to fire are on); then it is skipped with the reason, never passed. FALCOHOST_CORPUS names another folder than
the one beside the repository.
"""

import json
import os
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from workload import captures

from falcohost.cli.flags import Flags
from falcohost.engine.matcher import Matcher
from falcohost.engine.plan import make_plan
from falcohost.host.loading import configured_plugins, load_configured_rules
from falcohost.testing import skip_or_fail
from falcohost.testing.cli import run_cli
from falcohost_syscall.source import SyscallSource

CORPUS = Path(os.environ.get("FALCOHOST_CORPUS", Path(__file__).parents[2] / "shared" / "corpus"))
FILES = ("falco_tests", "falco_tests_exceptions")
#: What a case that says nothing of rules files is about.
PUBLIC_RULES = "../rules/falco_rules.yaml"

_OUTPUT = "stdout_output: {enabled: true}\nlog_stderr: true\nlog_syslog: false\n"
_DROPS = "syscall_event_drops: {rate: .03333, max_burst: 10, simulate_drops: true, "
#: What the configurations that cases name, and the corpus lacks, are made of.
CONFIGURATIONS = {
    "confs/drops_log.yaml": f"{_DROPS}actions: [log]}}\nlog_level: debug\n{_OUTPUT}",
    "confs/drops_none.yaml": f"{_DROPS.replace('true', 'false')}actions: [log]}}\n{_OUTPUT}",
    "confs/drops_threshold_neg.yaml": f"{_DROPS}actions: [ignore], threshold: -1}}\n{_OUTPUT}",
    "confs/file_output.yaml": "stdout_output: {enabled: true}\nfile_output: {enabled: true, filename: events.txt}\n",
    "confs/stdout_output.yaml": "stdout_output: {enabled: true}\n",
}
NO_DRIVER = ("-o", "engine.kind=nodriver", "-o", "webserver.enabled=false")


def _cases():
    for name in FILES:
        path = CORPUS / "regression" / f"{name}.json"
        if path.exists():
            for case, content in json.loads(path.read_text()).items():
                yield pytest.param(content, id=case)


def _several(value):
    return [] if value is None else [value] if isinstance(value, str) else value


def _paths(content, key):
    return [CORPUS / "regression" / name for name in _several(content.get(key))]


def _rules(content):
    if "rules_file" not in content and "validate_rules_file" not in content:
        return [CORPUS / "regression" / PUBLIC_RULES]
    return _paths(content, "rules_file")


def _flags(content, folder):
    """Return the flags of the case, without its rules files; *folder* is for a configuration that has to be written."""
    flags = [f"-D{rule}" for rule in content.get("disabled_rules", [])]
    flags += [f"-T{tag}" for tag in content.get("disable_tags", [])]
    flags += [f"-t{tag}" for tag in content.get("run_tags", [])]
    for key in ("json_output", "json_include_output_property", "json_include_tags_property", "priority"):
        if key in content:
            flags += ["-o", f"{key}={str(content[key]).lower()}"]
    if content.get("all_events"):
        flags += ["-o", "base_syscalls.all=true"]
    if content.get("time_iso_8601"):
        flags += ["-o", "time_format_iso_8601=true"]
    for name in _several(content.get("conf_file")):
        path = CORPUS / "regression" / name
        if not path.exists():
            path = folder / Path(name).name
            path.write_text(CONFIGURATIONS[name])
        flags += ["-c", str(path)]
    return flags


def _falcohost(*arguments):
    return run_cli(*map(str, arguments))


def _needed(content):
    """Skip the case if one of its files is not in the corpus."""
    names = [*_several(content.get("rules_file")), *_several(content.get("validate_rules_file"))]
    missing = [name for name in names if not (CORPUS / "regression" / name).exists()]
    configurations = [name for name in _several(content.get("conf_file")) if name not in CONFIGURATIONS]
    missing += [name for name in configurations if not (CORPUS / "regression" / name).exists()]
    if missing:
        skip_or_fail("regression", f"the corpus lacks {', '.join(missing)}")


@pytest.mark.parametrize("content", [case for case in _cases() if "validate_rules_file" in case.values[0]])
def test_validation(content, tmp_path):
    """``-V`` with JSON has the errors and warnings of the case, and no error besides; exit status and stderr agree."""
    _needed(content)
    files = _paths(content, "validate_rules_file")

    done = _falcohost(
        *(part for path in files for part in ("-V", path)), *_flags(content, tmp_path), "-o", "json_output=true"
    )

    assert content.get("exit_status", 0) == done.returncode, done.stderr
    results = json.loads(done.stdout)["falco_load_results"]
    for kind in ("errors", "warnings"):
        found = [problem for result in results for problem in result[kind]]
        for expected in content.get(f"validate_{kind}", []):
            assert any(_is(expected, problem) for problem in found), (expected, found)
    assert len(content.get("validate_errors", [])) == sum(len(result["errors"]) for result in results)
    successful = {Path(result["name"]).name for result in results if result["successful"]}
    assert set(content.get("validate_ok", [])) <= successful
    assert bool(content.get("exit_status", 0)) is ("Error: " in done.stderr)


def _is(expected, problem):
    if expected["code"] != problem["code"]:
        return False
    if expected.get("message", problem["message"]) != problem["message"]:
        return False
    if expected.get("message_contains", "") not in problem["message"]:
        return False
    wanted = (expected["item_type"], expected["item_name"])
    return wanted in [(place["item_type"], place["item_name"]) for place in problem["context"]["locations"]]


@pytest.mark.parametrize("content", [case for case in _cases() if case.values[0].get("rules_events")])
def test_event_types(content):
    """``-L`` names the event types of each rule as the case does; those that the case calls ``all`` are too many."""
    _needed(content)
    rules = [*_rules(content), *_paths(content, "validate_rules_file")]

    done = _falcohost("-L", "-o", "json_output=true", *(part for path in rules for part in ("-r", path)))

    assert 0 == done.returncode, done.stderr
    described = json.loads(done.stdout)["rules"]
    events = {rule["info"]["name"]: set(rule["details"]["events"]) - {"asyncevent"} for rule in described}
    warned = {warning["item_name"] for warning in content["validate_warnings"]}
    for name, expected in (pair for entry in content["rules_events"] for pair in entry.items()):
        if expected != ["all"]:
            assert set(expected) == events[name], name
        elif name in warned:
            assert len(events[name]) > 100, name


@pytest.mark.parametrize("content", [case for case in _cases() if "validate_rules_file" not in case.values[0]])
def test_run(content, tmp_path):
    """The rules load with the flags and configuration of the case, and match in its capture what the case says."""
    _needed(content)
    rules = _rules(content)
    arguments = [*(part for path in rules for part in ("-r", path)), *_flags(content, tmp_path)]

    done = _falcohost("--dry-run", *arguments, *NO_DRIVER)

    assert content.get("exit_status", 0) == done.returncode, done.stderr
    if done.returncode:
        for pattern in _several(content.get("stderr_contains")):
            assert re.search(pattern, done.stderr, re.DOTALL), done.stderr
        return
    ruleset = _loaded(content, rules)
    _check_enabled(content, ruleset)
    capture = _capture(content, tmp_path)
    _check_matches(content, ruleset, capture)
    if "conf_file" in content and ("stderr_contains" in content or "stderr_not_contains" in content):
        _check_output(content, _falcohost(*arguments, *(part for key in _replay(capture) for part in ("-o", key))))


def _opened(*names):
    """Return a capture in which a process opens files for reading."""
    bash = captures.block(captures.PROCESSES, captures.thread(7, 7, 1, b"cat", exe=b"cat"))
    opens = (captures.event("open", 7, fd=3, name=name, flags=1, mode=0, dev=1, ino=2) for name in names)
    return b"".join((captures.section(), bash, *opens))


def _sent(times):
    """Return a capture in which a process sends something, each time a little more than a second later."""
    sends = (
        captures.at(captures.TS + number * 1_003_000_000, captures.event("sendmsg", 7, res=64, fd=3, size=64))
        for number in range(times)
    )
    return captures.section() + b"".join(sends)


#: What stands in for captures that the corpus lacks: made by hand after what their cases say of them.
MADE = {
    "open-multiple-files.scap": _opened(*(b"/tmp/file-%d" % number for number in range(1, 14))),
    "ping_sendto.scap": _sent(10),
}


def _capture(content, folder):
    """Return the path of the capture of the case, from the corpus, or made for it."""
    name = Path(content["trace_file"]).name
    found = CORPUS / "captures" / name
    if found.exists():
        return found
    if name not in MADE:
        skip_or_fail("captures", f"the rules load; the corpus lacks {name}, in which they are to match")
    made = folder / name
    made.write_bytes(MADE[name])
    return made


#: By rule, how often it matches here. The cases count the beginnings of calls as events of their own; newer versions of
#: Falco, and falcohost, have events of returns alone.
_OTHERWISE = {"open_from_cat": 4, "dev_null": 3}


def _check_matches(content, ruleset, capture):
    """Check what the rules match in the capture: whether anything, of which priorities, and how often each."""
    rules = ruleset.enabled("syscall")
    matcher, fired = Matcher(rules), Counter()
    source = SyscallSource({"engine": {"kind": "replay", "replay": {"capture_file": str(capture)}}})
    source.open(make_plan("syscall", rules), None)
    for batch in source.batches():
        for event in batch.events:
            fired.update(rule.name for rule, _ in matcher.match_views((event,)))
    source.close()

    if "detect" in content:
        assert content["detect"] is bool(fired), fired
    if content.get("detect"):
        priorities = {rule.priority.name for rule in rules if fired[rule.name]}
        assert {_LEVELS.get(level, level) for level in _several(content["detect_level"])} <= priorities
    for name, count in _counts(content).items():
        assert _OTHERWISE.get(name, count) == fired[name], name


def _replay(capture):
    return ("engine.kind=replay", f"engine.replay.capture_file={capture}", "webserver.enabled=false")


def _check_output(content, done):
    """Check what is printed about the capture, of lost events for example."""
    assert 0 == done.returncode, done.stderr
    for name in ("stdout", "stderr"):
        printed = getattr(done, name)
        for text in _several(content.get(f"{name}_contains")):
            assert text in printed, printed
        for text in _several(content.get(f"{name}_not_contains")):
            assert text not in printed, printed


_LEVELS = {"INFO": "INFORMATIONAL"}


def _counts(content):
    return {name: count for entry in content.get("detect_counts", []) for name, count in entry.items()}


def _loaded(content, rules):
    flags = Flags(
        disable_rules=tuple(content.get("disabled_rules", [])),
        disable_tags=tuple(content.get("disable_tags", [])),
        enable_tags=tuple(content.get("run_tags", [])),
        options=(f"priority={content.get('priority', 'debug')}",),
    )
    config = flags.configuration()
    return load_configured_rules(config, configured_plugins(config), [str(path) for path in rules]).ruleset


def _check_enabled(content, ruleset):
    """Check that rules that are to fire are on, and that of rules that flags select the others are off."""
    on = {rule.name for rule in ruleset.rules if rule.enabled}
    counts = _counts(content)

    assert {name for name, count in counts.items() if count} <= on
    if "disable_tags" in content or "run_tags" in content:
        assert {name for name, count in counts.items() if not count}.isdisjoint(on)
    if content.get("detect"):
        levels = {rule.priority.name for rule in ruleset.rules if rule.enabled}
        assert {_LEVELS.get(level, level) for level in _several(content["detect_level"])} <= levels
    assert not any(text in name for text in content.get("disabled_rules", []) for name in on)


def test_every_file_of_a_case_is_there():
    """The corpus has all rules files that its cases name; the configurations that it lacks are written here."""
    if not CORPUS.is_dir():
        skip_or_fail("corpus", f"there is no corpus: {CORPUS} is not a folder")
    missing = defaultdict(list)
    for case in _cases():
        for key in ("rules_file", "validate_rules_file", "conf_file"):
            for name in _several(case.values[0].get(key)):
                if not (CORPUS / "regression" / name).exists():
                    missing[name].append(case.id)

    assert set(missing) <= CONFIGURATIONS.keys(), dict(missing)
