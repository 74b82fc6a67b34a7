"""The keys of the configuration that are about system calls."""

import contextlib
import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falcohost import ConfigError, DriverSpec, hookimpl
from falcohost.host.config import parse
from falcohost.host.config.document import read_text
from falcohost.host.config.for_plugins import read_values
from falcohost.host.config.keys import keys_without_effect
from falcohost.host.config.overrides import apply_option
from falcohost.host.plugins import Candidate, gather, load_plugins
from falcohost.host.settings import source_settings
from falcohost.host.sources import opened
from falcohost_syscall import plugin
from falcohost_syscall.config_keys import KEYS
from falcohost_syscall.drivers import drivers
from falcohost_syscall.drivers.modern_ebpf.config import parse as parse_driver


def plugins(text):
    """Return the plugins that are always there, configured by *text*."""
    return load_plugins([], parse(read_text(text, "test")).for_plugins)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("engine: {kind: gvisor}", "1:16: engine.kind 'gvisor' is not a valid kind"),
        ("engine: {kmod: {buf_size_preset: 0}}", "1:34: engine.kmod.buf_size_preset: expected a number from 1 to 10"),
        ("engine: {modern_ebpf: {buf_size_preset: 11}}", "1:41: engine.modern_ebpf.buf_size_preset: expected a number"),
        (
            "syscall_event_drops: {threshold: 2}",
            "1:34: syscall event drops threshold must be a double in the range [0, 1]",
        ),
        ("syscall_event_drops: {actions: [cry]}", "1:32: syscall_event_drops.actions has 'cry'; available are ignore"),
        ("syscall_event_drops: {actions: [ignore, log]}", '1:32: syscall event drop action "log" does not make sense'),
        (
            "falcohost: {attach: functions}",
            "1:21: falcohost.attach has to be one of auto, function, tracepoint, not 'fun",
        ),
    ],
)
def test_wrong_values(text, error):
    """A value that cannot be is told with its place, in Falco's words where the key is Falco's."""
    with pytest.raises(ConfigError) as caught:
        plugins(text)

    assert str(caught.value).startswith(f"test:{error}")


def test_without_a_driver_nothing_is_watched(caplog):
    """With the kind nodriver the source is not opened, and the log says so in Falco's words."""
    assert ["syscall"] == opened(["syscall"], plugins(""))
    assert [] == opened(["syscall"], plugins("engine: {kind: nodriver}"))
    assert [
        "Enabled event source 'syscall' will be opened with no driver, no event will be produced"
    ] == caplog.messages


class Mine:
    """A plugin with a driver of system calls."""

    @hookimpl
    def falcohost_drivers(self):
        """Offer it."""
        return [DriverSpec(name="mine", description="D.", chosen_by="engine.kind", make=None)]


def test_a_driver_of_another_plugin():
    """A kind that is not ours is taken if a plugin has a driver of that name, which the source then finds."""
    told = parse(read_text("engine: {kind: mine}", "test")).for_plugins
    ours = Candidate("syscall", plugin)

    found = gather([ours, Candidate("other", Mine())], told)

    assert "mine" == drivers.configured(source_settings(found)["syscall"]).name
    with pytest.raises(ConfigError, match="kind 'mine' is not a valid kind"):
        gather([ours], told)


def test_keys_without_effect():
    """Falco's keys that do nothing here are named where they are on."""
    text = (
        "base_syscalls: {custom_set: [], repair: false, all: false}\n"
        "engine: {modern_ebpf: {disable_iterators: true, drop_failed_exit: false}}"
    )

    found = keys_without_effect(read_text(text, "test").root, plugins("").known_keys())

    assert [("engine.modern_ebpf.disable_iterators", "the running processes are always read from the kernel")] == found


def test_sizes_of_falcos_libraries():
    """At Falco's defaults they ask for nothing; another value is told with the reason why it does nothing."""
    known = plugins("").known_keys()
    usual = "falco_libs: {thread_table_size: 262144, snaplen: 512}\nsyscall_event_timeouts: {max_consecutives: 1000}"
    other = "falco_libs: {thread_table_size: 1024}"

    assert [] == keys_without_effect(read_text(usual, "test").root, known)
    ((key, reason),) = keys_without_effect(read_text(other, "test").root, known)
    assert (
        "falco_libs.thread_table_size",
        "the table of processes is sized by the number of processes at the start",
    ) == (key, reason)


@pytest.mark.parametrize(("snaplen", "collected"), [(80, 80), (0, 80), (1, 1), (512, 512), (4096, 4096), (65535, 4096)])
def test_snaplen(snaplen, collected):
    """It is how many bytes are collected, up to what a record has room for; 0 is Falco's word for its default."""
    assert collected == parse_driver({"falco_libs": {"snaplen": snaplen}}).snaplen


@pytest.mark.parametrize("path", ["types.btf", "", 5, ["/types.btf"]])
def test_btf_is_a_path(path):
    """Whatever is no absolute path is refused; nothing, and a path, are taken as they are."""
    with pytest.raises(
        ConfigError, match=r"falcohost\.btf: expected the absolute path of a BTF file, or of a folder, not"
    ):
        parse_driver({"falcohost": {"btf": path}})

    assert ("", "/etc/types") == (parse_driver({}).btf, parse_driver({"falcohost": {"btf": "/etc/types"}}).btf)


@pytest.mark.parametrize("snaplen", [-1, 65536, True, "80"])
def test_snaplen_out_of_range(snaplen):
    """What Falco refuses is refused, with the range."""
    with pytest.raises(ConfigError, match=r"falco_libs\.snaplen: expected a number from 0 to 65535, not"):
        parse_driver({"falco_libs": {"snaplen": snaplen}})


VALUES = st.text("{}[]:,-0123456789.exautonly! \n", max_size=8) | st.sampled_from(["{}", "[]", "[1, {}]", "1e999"])


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(KEYS), VALUES)
def test_any_value_is_taken_or_refused(key, text):
    """A key with any value at all has one of its type, or is a ConfigError."""
    document = read_text("", "test")
    with contextlib.suppress(ConfigError):
        apply_option(document, f"{key.key}={text}")
        values = read_values(document.root, KEYS, {})
        value = functools.reduce(lambda block, step: block[step], key.key.split("."), values)

        assert value is None or isinstance(value, float | int if key.type is float else key.type)
