"""The contract classes: each clause catches a plugin that breaks it, and a good plugin passes."""

import pytest

pytest_plugins = ["pytester"]

GOOD = """
    import json
    from dataclasses import dataclass
    from pathlib import Path
    import click
    import pytest
    from falcohost import *
    from falcohost.lookups import *
    from falcohost.subscriber import *
    from falcohost.testing import *

    @dataclass
    class Event:
        num: int
        type: str = "tick"
        ts: int = 1
        @property
        def key(self): return str(self.num)

    class Stream:
        def __init__(self, config): self.at = 0
        def open(self, plan, cursor): self.at = int(cursor or 0)
        def batches(self):
            while self.at < 9:
                self.at += 3
                yield Batch([Event(n) for n in range(self.at - 2, self.at + 1)], str(self.at))
        def update(self, plan): pass
        def ack(self, cursor): pass
        def stats(self): return SourceStats(self.at, self.at)
        def close(self): pass

    class Memory:
        seen = []
        def __init__(self, config, form): self.seen.clear()
        def deliver(self, alerts): self.seen.extend(alert.message for alert in alerts)
        def reopen(self): pass
        def close(self): pass

    class Pairs:
        def __init__(self, settings, state): self.names = state.decode().split() if state else []
        def take(self, alerts):
            raised = [new for one in alerts for new in self.met(one)]
            return Answer(raised, self.state())
        def met(self, one):
            self.names.append(one.id)
            if len(self.names) == 2:
                yield NewAlert(rule="Pair", priority=Priority.NOTICE, message=" ".join(self.names))
                self.names = []
        def state(self): return " ".join(self.names).encode()
        def close(self): pass

    NUMBER = dict(name="x.number", type=FieldType.UINT64, description="The number.", get=lambda event, arg: event.num)
    class Names:
        def __init__(self, settings): self.asked = set()
        def find(self, key):
            if key not in self.asked:
                self.asked.add(key)
                return PENDING
            return {"name": "one"} if key == (1,) else None
        def poll(self): return True
        def close(self): pass

    NAME = dict(name="x.name", type=FieldType.CHARBUF, description="Its name.", get=lambda row, arg: row["name"])
    KEY = dict(key="x.y", type=int, default=1, help="a number", check=lambda y: None if y else "x.y is 0")

    class Plugin:
        stream = Stream
        idle = 60
        field = NUMBER
        output = Memory
        subscriber = Pairs
        lookup, name, about, by = Names, NAME, "Knows names.", {"x": ("x.number",)}
        description = "Counts."
        rule = "x.number > 1"
        key = KEY
        command = {"name": "x", "help": "Count."}
        @hookimpl
        def falcohost_config_keys(self):
            return [ConfigKey(**self.key)]
        @hookimpl
        def falcohost_commands(self):
            return [CommandSpec(**self.command, make=lambda settings: click.Command("x"))]
        @hookimpl
        def falcohost_sources(self):
            types = frozenset({"tick"})
            return [SourceSpec(name="x", description=self.description, make=self.stream, event_types=types)]
        @hookimpl
        def falcohost_fields(self, source):
            return [Field(**self.field)] if source == "x" else None
        @hookimpl
        def falcohost_rules(self):
            path = Path(type(self).__name__ + ".yaml")
            rule = {"rule": "R", "desc": "D", "condition": self.rule, "output": "O", "priority": "INFO", "source": "x"}
            path.exists() or path.write_text(json.dumps([rule]))
            return [path]
        @hookimpl
        def falcohost_outputs(self):
            return [OutputSpec(name="x", description="Keeps.", make=self.output)]
        @hookimpl
        def falcohost_subscribers(self):
            return [SubscriberSpec(name="y", description="Pairs.", make=self.subscriber)]
        @hookimpl
        def falcohost_lookups(self):
            fields = [Field(**self.name)]
            return [LookupSpec(name="z", description=self.about, key=self.by, make=self.lookup, fields=fields)]
"""

TESTS = {
    "plugin": """
    class TestPlugin_{case}(PluginContract):
        plugin = Broken{case}()
""",
    "source": """
    class TestSource_{case}(SourceContract):
        plugin = Broken{case}()
        source = "x"
        patience = 0.1
        idle = Broken{case}.idle
""",
    "output": """
    class TestOutput_{case}(OutputContract):
        plugin = Broken{case}()
        output = "x"
        def received(self, config): return " ".join(Memory.seen)
""",
    "subscriber": """
    class TestSubscriber_{case}(SubscriberContract):
        plugin = Broken{case}()
        subscriber = "y"
""",
    "lookup": """
    class TestLookup_{case}(LookupContract):
        plugin = Broken{case}()
        lookup = "z"
        @pytest.fixture
        def known(self): return (1,)
        @pytest.fixture
        def unknown(self): return (2,)
""",
}

#: Each line breaks one clause of the contract of a source, and the test named after it has to fail.
BROKEN_SOURCES = [
    ("def batches(self): yield Batch([Event(0)])", "test_numbers_begin_at_one_and_rise"),
    ("def batches(self): yield Batch([Event(1), Event(1)])", "test_events_are_whole"),
    ("def batches(self): yield Batch([Event(1, 'tock')])", "test_events_are_whole"),
    ("def batches(self): yield Batch([Event(1, ts=0)])", "test_events_are_whole"),
    ("def batches(self): yield Batch([])", "test_events_are_whole"),
    ("def batches(self): __import__('time').sleep(0.02); yield Batch([Event(1)])", "test_batches_keep_coming"),
    ("def open(self, plan, cursor): self.at = int(cursor or 3) - 3", "test_goes_on_from_its_cursor"),
    ("def update(self, plan): self.at += 3", "test_takes_a_new_plan"),
    ("def stats(self): return SourceStats(1, 1)", "test_numbers_add_up"),
    ("ack = None", "test_make_returns_a_source"),
    ("def close(self): self.at / 0 if self.at == 0 else None", "test_closes_unread"),
]
#: The same of plugins; a test of a source has to fail, or one of a plugin.
BROKEN_IN_SOURCES = [
    ("field = NUMBER | {'get': lambda event, arg: str(event.num)}", "test_fields_extract"),
    ("field = NUMBER | {'get': lambda event, arg: event.absent}", "test_fields_extract"),
    ("field = NUMBER | {'is_list': True}", "test_fields_extract"),
    ("description = 'Counts'", "test_description_is_a_sentence"),
]
BROKEN_PLUGINS = [
    ("key = KEY | {'help': ''}", "test_keys_say_what_they_do"),
    ("key = KEY | {'default': 'x'}", "test_keys_say_what_they_do"),
    ("key = KEY | {'default': 0}", "test_keys_say_what_they_do"),
    ("command = {'name': 'y', 'help': 'Count.'}", "test_commands_can_be_made"),
    ("command = {'name': 'x', 'help': 'Count'}", "test_commands_can_be_made"),
    ("field = NUMBER | {'description': 'The number'}", "test_fields_say_what_they_are"),
    ("field = NUMBER | {'path': 'a.b'}", "test_fields_say_what_they_are"),
    ("falcohost_sauces = hookimpl(lambda self: [])", "test_is_accepted"),
    ("def falcohost_fields(self): return 1 / 0", "test_hooks_begin_with_the_mark"),
    ("@hookimpl\n        def falcohost_rules(self): 1 / 0", "test_is_accepted"),
    ("rule = 'x.numer > 1'", "test_rules_load_without_a_warning"),
    ("rule = 'x.number > one'", "test_rules_load_without_a_warning"),
    ("def falcohost_stands_for(self): return []", "test_hooks_begin_with_the_mark"),
]
BROKEN_OUTPUTS = [
    ("def deliver(self, alerts): pass", "test_accepted_means_arrived"),
    ("def deliver(self, alerts): self.seen.extend(a.message for a in alerts[::-1])", "test_accepted_means_arrived"),
    ("def reopen(self): self.seen.clear()", "test_reopen_goes_on"),
    ("def deliver(self, alerts): alerts[0]", "test_delivers_nothing"),
]
BROKEN_SUBSCRIBERS = [
    ("def state(self): return None", "test_begins_anew_anywhere"),
    ("def state(self): return str(id(self)).encode()", "test_is_the_same_again"),
    ("def state(self): return bytes((1 << 20) + 1)", "test_answers_are_bounded"),
    ("def take(self, alerts): return None", "test_says_something"),
    ("def take(self, alerts): return Answer(list(self.met(alerts[0])), self.state())", "test_alerts_may_come_together"),
    ("def take(self, alerts): return Answer(['an alert'], b'x')", "test_answers_are_bounded"),
    ("def due(self): return id(self)\n        def tick(self, now): pass", "test_what_is_due_follows_from_its_state"),
    ("def due(self): return 7\n        def tick(self, now): pass", "test_what_is_due_follows_from_its_state"),
]
BROKEN_LOOKUPS = [
    ("def find(self, key): return None", "test_a_row_is_found"),
    ("def find(self, key): return object()", "test_a_row_is_found"),
    ("def find(self, key): return {'name': 'one'}", "test_no_row_is_found"),
    ("def find(self, key): __import__('time').sleep(0.005)", "test_it_answers_at_once"),
    ("def poll(self): __import__('time').sleep(0.005)", "test_it_answers_at_once"),
    ("def fileno(self): return -1", "test_its_descriptor_can_be_waited_for"),
]
BROKEN_IN_LOOKUPS = [
    ("name = NAME | {'get': lambda row, arg: row['nome']}", "test_fields_read_the_row"),
    ("about = 'Knows names'", "test_description_is_a_sentence"),
    ("by = {'x': ()}", "test_it_has_a_key_and_fields"),
]


def failures(pytester, plugins, *contracts):
    """Run the *contracts* over *plugins*, each the text of a class; return what failed: (number, test)."""
    module = GOOD
    for case, plugin in enumerate(plugins):
        module += plugin.format(case=case) + "".join(TESTS[contract].format(case=case) for contract in contracts)
    pytester.makepyfile(test_it=module)
    reports = pytester.inline_run("-p", "no:cacheprovider").getreports("pytest_runtest_logreport")
    failed = [report.nodeid.split("::") for report in reports if report.failed]
    assert reports
    return {(int(name.split("_")[1]), test) for _, name, test in failed}


def test_good_plugin_passes(pytester):
    """A plugin that keeps the contracts passes every test of them."""
    assert failures(pytester, ["    class Broken{case}(Plugin): pass"], *TESTS) == set()


def test_source_contract_catches(pytester):
    """A source that breaks one clause fails the test of that clause."""
    text = (
        "    class Bad{{case}}(Stream):\n        {}\n    class Broken{{case}}(Plugin): stream, idle = Bad{{case}}, {}\n"
    )
    plugins = [text.format(line, 0.01 if "sleep" in line else 60) for line, _ in BROKEN_SOURCES]
    expected = {(case, test) for case, (_, test) in enumerate(BROKEN_SOURCES)}

    assert expected - failures(pytester, plugins, "source") == set()


@pytest.mark.parametrize(("broken", "contract"), [(BROKEN_PLUGINS, "plugin"), (BROKEN_IN_SOURCES, "source")])
def test_plugin_contract_catches(pytester, broken, contract):
    """A plugin whose fields, descriptions or hooks are wrong fails the test of that clause."""
    plugins = [f"    class Broken{{case}}(Plugin):\n        {escape(line)}\n" for line, _ in broken]
    expected = {(case, test) for case, (_, test) in enumerate(broken)}

    assert expected - failures(pytester, plugins, contract) == set()


def test_output_contract_catches(pytester):
    """An output that loses, turns round or refuses alerts fails the test of that clause."""
    text = "    class Bad{{case}}(Memory):\n        {}\n    class Broken{{case}}(Plugin): output = Bad{{case}}\n"
    plugins = [text.format(line) for line, _ in BROKEN_OUTPUTS]
    expected = {(case, test) for case, (_, test) in enumerate(BROKEN_OUTPUTS)}

    assert expected - failures(pytester, plugins, "output") == set()


def test_subscriber_contract_catches(pytester):
    """A subscriber that depends on more than its state, or answers what is none, fails the test of that clause."""
    text = "    class Bad{{case}}(Pairs):\n        {}\n    class Broken{{case}}(Plugin): subscriber = Bad{{case}}\n"
    plugins = [text.format(line) for line, _ in BROKEN_SUBSCRIBERS]
    expected = {(case, test) for case, (_, test) in enumerate(BROKEN_SUBSCRIBERS)}

    assert expected - failures(pytester, plugins, "subscriber") == set()


def test_lookup_contract_catches(pytester):
    """A lookup that waits, does not answer, or whose fields cannot read its rows fails the test of that clause."""
    text = "    class Bad{{case}}(Names):\n        {}\n    class Broken{{case}}(Plugin): lookup = Bad{{case}}\n"
    plugins = [text.format(escape(line)) for line, _ in BROKEN_LOOKUPS]
    plugins += [f"    class Broken{{case}}(Plugin):\n        {escape(line)}\n" for line, _ in BROKEN_IN_LOOKUPS]
    expected = {(case, test) for case, (_, test) in enumerate((*BROKEN_LOOKUPS, *BROKEN_IN_LOOKUPS))}

    assert expected - failures(pytester, plugins, "lookup") == set()


def escape(line):
    """Return *line* for a text that is formatted once more."""
    return line.replace("{", "{{").replace("}", "}}")
