"""Every key of the configuration that is falcohost's own or Falco's, but for those that plugins bring.

docs/configuration.md and ``--config-schema`` are made of these rows. ``[]`` in a key is a list of mappings.
"""

from __future__ import annotations

from typing import Final

from falcohost.host.config.idle_keys import IDLE
from falcohost.log import LEVELS
from falcohost.pipeline.settings import PipelineConfig
from falcohost.specs import ConfigKey
from falcohost.store.limits import Limits

_PIPELINE = PipelineConfig()
_MATCH = "which rules get an addition to their output"
_STATE = (
    "`$FALCOHOST_STATE_DIR`, else systemd's `$STATE_DIRECTORY`, else `/var/lib/falcohost` for root and "
    "`~/.local/state/falcohost` for others"
)


FILES: Final = (
    ConfigKey(
        key="config_files",
        type=object,
        shown_default="none",
        help="further files and folders, each a path or `{path, strategy}` with `append`, `override` or `add-only`",
    ),
    ConfigKey(
        key="rules_files",
        type=list,
        shown_default="the rules that the loaded plugins ship",
        help="rules files and folders, in order; `-r` replaces them",
    ),
    ConfigKey(
        key="watch_config_files",
        type=bool,
        default=True,
        help="looks every second whether the configuration or a rules file has changed, and goes over to what it says "
        "then",
    ),
    ConfigKey(key="rules_file", type=list, help="old name of `rules_files`"),
    ConfigKey(
        key="rules[].enable.rule", type=str, help="enables rules by name, with wildcards; in order with `disable`"
    ),
    ConfigKey(key="rules[].enable.tag", type=str, help="enables rules by tag"),
    ConfigKey(key="rules[].disable.rule", type=str, help="disables rules by name, with wildcards"),
    ConfigKey(key="rules[].disable.tag", type=str, help="disables rules by tag"),
    ConfigKey(key="priority", type=str, default="debug", help="less severe rules are not enabled"),
    ConfigKey(
        key="rule_matching",
        type=str,
        default="first",
        choices=("first", "all"),
        help="`first`: an event fires the first rule that matches it; `all`: every one",
    ),
    ConfigKey(
        key="falcohost.cache",
        type=bool,
        default=True,
        help="keeps what the rules were compiled to, so that the next start with the same rules does not compile them: "
        "in `$FALCOHOST_CACHE_DIR`, else systemd's `$CACHE_DIRECTORY`, else `/var/cache/falcohost` for root and "
        "`~/.cache/falcohost` for others; not used where other users could write there",
    ),
    ConfigKey(key="falcohost.state_dir", type=str, shown_default=_STATE, help="where alerts and cursors are kept"),
    ConfigKey(
        key="falcohost.alerts.max_age_days", type=int, default=Limits.days, help="how old alerts may get, in days"
    ),
    ConfigKey(
        key="falcohost.alerts.max_size_mb", type=int, default=Limits.megabytes, help="how many MiB of alerts are kept"
    ),
)

PLUGINS: Final = (
    ConfigKey(key="load_plugins", type=list, shown_default="all in `plugins`", help="names of the plugins to load"),
    ConfigKey(key="plugins[].name", type=str, help="names the plugin: the name of its entry point"),
    ConfigKey(key="plugins[].init_config", type=object, help="the plugin's own settings"),
    ConfigKey(
        key="plugins[].open_params",
        type=object,
        help="handed to the plugin beside them: a text, or a list of texts",
    ),
    ConfigKey(
        key="plugins[].library_path",
        type=str,
        help="Falco's; not used, since plugins are Python packages here",
    ),
)

ALERTS: Final = (
    ConfigKey(key="json_output", type=bool, default=False, help="one JSON object a line instead of text"),
    ConfigKey(key="json_include_output_property", type=bool, default=True, help="has `output` in it"),
    ConfigKey(
        key="json_include_message_property",
        type=bool,
        default=False,
        help="has `message` in it: the output without time and priority",
    ),
    ConfigKey(key="json_include_output_fields_property", type=bool, default=True, help="has `output_fields` in it"),
    ConfigKey(key="json_include_tags_property", type=bool, default=True, help="has `tags` in it"),
    ConfigKey(
        key="time_format_iso_8601",
        type=bool,
        default=False,
        help="times as ISO 8601 in UTC instead of the local time of day",
    ),
    ConfigKey(
        key="buffer_format_base64",
        type=bool,
        default=False,
        help="shows buffers (`evt.buffer`, parameters such as `data`, `args` and `env`) in base64, else with dots for "
        "what is not printable",
    ),
    ConfigKey(key="append_output[].match.source", type=str, help=f"{_MATCH}: by source"),
    ConfigKey(key="append_output[].match.tags", type=list, help=f"{_MATCH}: by tags"),
    ConfigKey(key="append_output[].match.rule", type=str, help=f"{_MATCH}: by name"),
    ConfigKey(key="append_output[].extra_output", type=str, help="text that is put behind the output"),
    ConfigKey(key="append_output[].extra_fields", type=object, help="fields that are put into `output_fields`"),
    ConfigKey(
        key="append_output[].suggested_output",
        type=bool,
        default=False,
        help="puts the fields that the source suggests behind the output",
    ),
    ConfigKey(
        key="falcohost.fold.enabled",
        type=bool,
        default=_PIPELINE.fold.enabled,
        help="in a flood of matches that are alike, only the first become alerts; the others are counted, and told as "
        "one alert with `falcohost.count`, `falcohost.first`, `falcohost.last` and `falcohost.same` in "
        "`output_fields`. Not for sources that can be read again, such as logs "
        "([decision 0013](decisions/0013-floods-are-folded.md))",
    ),
    ConfigKey(
        key="falcohost.fold.after",
        type=int,
        default=_PIPELINE.fold.after,
        help="how many of one rule, process and output are told by themselves within a window; ten times as many of "
        "one rule and process, a hundred times as many of one rule",
    ),
    ConfigKey(
        key="falcohost.fold.window",
        type=float,
        default=_PIPELINE.fold.window,
        help="seconds after which the count is told and begins anew, at most 3600",
    ),
    ConfigKey(
        key="falcohost.lookups.wait",
        type=float,
        default=_PIPELINE.wait,
        help="seconds that a match waits at most for the row of a lookup, less than 3; what is not there by then is "
        "absent, and `falcohost.missing` in `output_fields` names it "
        "([decision 0023](decisions/0023-lookups-and-candidates.md))",
    ),
)

OUTPUTS: Final = (
    ConfigKey(
        key="stdout_output.enabled",
        type=bool,
        shown_default="true where no output is configured",
        help="standard output",
    ),
    ConfigKey(key="file_output.enabled", type=bool, default=False, help="a file"),
    ConfigKey(key="file_output.filename", type=str, help="which one"),
    ConfigKey(key="file_output.keep_alive", type=bool, default=False, help="keeps it open; SIGUSR1 opens it anew"),
    ConfigKey(key="buffered_outputs", type=bool, default=False, help="gathers lines; `-U` writes each at once"),
    ConfigKey(
        key="output_timeout",
        type=int,
        default=2000,
        help="milliseconds after which an output that does not come back is reported",
    ),
)

MESSAGES: Final = (
    ConfigKey(key="log_stderr", type=bool, default=True, help="writes falcohost's own messages to standard error"),
    ConfigKey(key="log_syslog", type=bool, default=True, help="and to syslog"),
    ConfigKey(
        key="log_level",
        type=str,
        default="info",
        choices=LEVELS,
        help="the least severe message that is written",
    ),
)

#: The rows by the titles of docs/configuration.md.
SECTIONS: Final = {
    "Files and rules": FILES,
    "Sources and plugins": PLUGINS,
    "Alerts": ALERTS,
    "Outputs": OUTPUTS,
    "Messages": MESSAGES,
}
KEYS: Final = (*(key for section in SECTIONS.values() for key in section), *IDLE)
