"""The public rules, and those of the regression cases, over the true fields of the syscall source."""

import json
import re
import time

from falcohost.engine.catalog import Catalog
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.fields import ArgKind, Field, FieldType
from falcohost.rules.loader import LoadOptions, load_rules, read_file
from falcohost.rules.people import for_people
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.fields.rows import FIELDS

UNIVERSE = {"syscall": frozenset(BY_NAME)}
PLUGINS = {"container": "0.7.1", "cloudtrail": "0.99.0", "json": "0.99.0", "k8saudit": "0.99.0"}
OPTIONS = LoadOptions(event_types=UNIVERSE, plugins=PLUGINS)
#: Appends to a list that the public rules of its time had and today's do not have; Falco refuses it as well.
_STALE = "trust_nginx_container.yaml"
_NAME = re.compile(r"\b(?:ka|jevt|ct|okta|github|aws|s3|json)(?:\.[a-zA-Z_0-9]+)+")


def _catalogs(files):
    """Return the true fields of syscall, and for other sources a text field for each name that the files have."""
    catalogs = {"syscall": Catalog("syscall", (*GENERIC_FIELDS, *FIELDS))}
    text = "\n".join(file.text for file in files)
    rows = [
        Field(name=name, type=FieldType.CHARBUF, description="", arg=ArgKind.ANY, get=lambda event, arg: None)
        for name in sorted(set(_NAME.findall(text)))
    ]
    for source in ("k8s_audit", "aws_cloudtrail", "okta", "github"):
        catalogs[source] = Catalog(source, (*GENERIC_FIELDS, *rows))
    return catalogs


def _load(paths):
    files = [read_file(str(path)) for path in paths]
    return load_rules(files, _catalogs(files), OPTIONS)


def _cases(corpus):
    for name in ("falco_tests", "falco_tests_exceptions", "falco_k8s_audit_tests"):
        yield from json.loads((corpus / "regression" / f"{name}.json").read_text()).items()


def _as_list(value):
    return [value] if isinstance(value, str) else value


def test_public_rules_load(corpus):
    """Every public rules file is accepted and each rule compiled, without a warning in the stable one."""
    for path in sorted((corpus / "rules").glob("*.yaml")):
        outcome = _load([path])

        assert all(result.ok for result in outcome.results), for_people(outcome.results[0])
        assert len(outcome.collector.rules) == len(outcome.ruleset.rules)
        if path.name == "falco_rules.yaml":
            assert [] == outcome.results[0].warnings


def test_public_stable_rules_load_quickly(corpus, capsys):
    """The public stable rules are loaded in well under half a second of work."""
    file = read_file(str(corpus / "rules" / "falco_rules.yaml"))
    catalogs = _catalogs([file])
    begin = time.process_time()
    load_rules([file], catalogs, OPTIONS)
    seconds = time.process_time() - begin

    with capsys.disabled():
        print(f"\npublic stable rules loaded in {seconds * 1000:.0f} ms")
    assert seconds < 2.5


def test_rules_that_are_run_load(corpus):
    """The rules files of every regression case that is not about refusing them are accepted."""
    count = 0
    for case, content in _cases(corpus):
        paths = [corpus / "regression" / name for name in _as_list(content.get("rules_file", []))]
        if not paths or not all(path.exists() for path in paths):
            continue
        count += 1
        outcome = _load(paths)
        refused = [result for result in outcome.results if not result.ok]

        if paths[-1].name == _STALE:
            messages = [problem.message for result in refused for problem in result.errors]
            assert messages, case
            assert all(message.endswith("no list by that name already exists") for message in messages), messages
        else:
            assert not refused, (case, for_people(refused[0]))
    assert count > 60
