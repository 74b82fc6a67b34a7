"""All configuration keys of falcohost and Falco, except those that plugins add.

docs/configuration.md and ``--config-schema`` are generated from these rows. ``[]`` in a key means a list of mappings.
"""

from __future__ import annotations

from typing import Final

from falcohost.host.config.capture_keys import CAPTURE
from falcohost.host.config.health_keys import HEALTH
from falcohost.host.config.idle_keys import IDLE
from falcohost.host.config.internal_keys import INTERNAL
from falcohost.host.config.output_keys import OUTPUTS
from falcohost.host.config.response_keys import RESPONSE
from falcohost.log import LEVELS
from falcohost.pipeline.settings import PipelineConfig
from falcohost.rules.profiles import PROFILES
from falcohost.specs import ConfigKey
from falcohost.store.limits import Limits

_PIPELINE = PipelineConfig()
_MATCH = "selects the rules whose output is extended"
_STATE = (
    "`$FALCOHOST_STATE_DIR`, else systemd's `$STATE_DIRECTORY`, else `/var/lib/falcohost` for root and "
    "`~/.local/state/falcohost` for others"
)


FILES: Final = (
    ConfigKey(
        key="config_files",
        type=object,
        shown_default="none",
        help="more configuration files and folders, each a path or `{path, strategy}`; the strategy is `append`, "
        "`override` or `add-only`. A missing one gets a warning at start; a reload is refused while one is missing "
        "that was there at start",
    ),
    ConfigKey(
        key="rules_files",
        type=list,
        shown_default="the rules of the loaded plugins",
        help="rules files and folders, in order; `-r` overrides them. If one is missing, falcohost does not start, and "
        "a running agent keeps its rules, raises an alert and waits for the file. A file may have up to 64 MiB",
    ),
    ConfigKey(
        key="watch_config_files",
        type=bool,
        default=True,
        help="reloads when the configuration or a rules file changes; files are checked each "
        "`falcohost.watch_interval` seconds",
    ),
    ConfigKey(key="rules_file", type=list, help="old name of `rules_files`"),
    ConfigKey(
        key="rules[].enable.rule",
        type=str,
        help="enables rules by name, with wildcards; `enable` and `disable` apply in order",
    ),
    ConfigKey(key="rules[].enable.tag", type=str, help="enables rules by tag"),
    ConfigKey(key="rules[].disable.rule", type=str, help="disables rules by name, with wildcards"),
    ConfigKey(key="rules[].disable.tag", type=str, help="disables rules by tag"),
    ConfigKey(key="priority", type=str, default="debug", help="minimum priority: less severe rules are disabled"),
    ConfigKey(
        key="rule_matching",
        type=str,
        default="first",
        choices=("first", "all"),
        help="`first`: only the first rule that matches an event fires; `all`: every rule that matches fires",
    ),
    ConfigKey(
        key="falcohost.cache",
        type=bool,
        default=True,
        help="caches compiled rules and programs for the kernel, so that the next start is faster: "
        "in `$FALCOHOST_CACHE_DIR`, else systemd's `$CACHE_DIRECTORY`, else `/var/cache/falcohost` for root and "
        "`~/.cache/falcohost` for others; not used if other users can write to that directory",
    ),
    ConfigKey(
        key="falcohost.profile",
        type=str,
        default="default",
        choices=tuple(PROFILES),
        help="which of the rules that come with falcohost are enabled: `default`, those that seldom tell of what is "
        "done every day; `wide`, also those tagged `maturity_incubating`; `all`, also `maturity_sandbox`. `rules` "
        "comes after it; rules of your own are not concerned",
    ),
    ConfigKey(
        key="falcohost.shipped_rules",
        type=bool,
        default=False,
        help="loads the rules of the loaded plugins before those of `rules_files` or `-r`, which can then append to "
        "them; without `rules_files` and `-r` they are loaded anyway",
    ),
    ConfigKey(
        key="falcohost.state_dir",
        type=str,
        shown_default=_STATE,
        help="directory for alerts and cursors. It has to be for falcohost alone: an agent that runs as root gives it "
        "to the user of its store",
    ),
    ConfigKey(
        key="falcohost.trust_files",
        type=bool,
        default=False,
        help="reads rules files and plugins even if other users could change them: the file, a folder above it, or a "
        "link on the way. On the command line it counts for configuration files, too",
    ),
    ConfigKey(key="falcohost.alerts.max_age_days", type=int, default=Limits.days, help="days that alerts are kept"),
    ConfigKey(
        key="falcohost.alerts.max_size_mb",
        type=int,
        default=Limits.megabytes,
        help="MiB of alerts that are kept; sources have equal shares, within them priorities, and within these rules "
        "([decision 0047](decisions/0047-a-source-speaks-for-itself.md))",
    ),
    ConfigKey(
        key="falcohost.alerts.max_per_second",
        type=int,
        default=Limits.per_second,
        help="alerts that are stored a second of one source, in the long run; 20 times as many at once. A source with "
        "more waits, and an alert says so. At least 100",
    ),
    ConfigKey(
        key="falcohost.limits[].rule",
        type=str,
        help="a rule of which no more than so many alerts are delivered ([noise](noise.md)); the others are stored",
    ),
    ConfigKey(
        key="falcohost.limits[].by",
        type=list,
        help="fields in the rule's output: each combination of their values is counted by itself",
    ),
    ConfigKey(key="falcohost.limits[].max", type=int, default=1, help="alerts that are delivered in the time `per`"),
    ConfigKey(key="falcohost.limits[].per", type=str, help="a time such as `30s`, `1m` or `2h`; default: `suppress`"),
    ConfigKey(
        key="falcohost.limits[].suppress",
        type=str,
        help="a time: for so long alerts are held back once `max` were delivered; default: until `per` is over",
    ),
)

PLUGINS: Final = (
    ConfigKey(key="load_plugins", type=list, shown_default="all in `plugins`", help="names of the plugins to load"),
    ConfigKey(key="plugins[].name", type=str, help="name of the plugin (its entry point)"),
    ConfigKey(key="plugins[].init_config", type=object, help="the plugin's own settings"),
    ConfigKey(
        key="plugins[].open_params",
        type=object,
        help="what the plugin opens: a string, or a list of strings",
    ),
    ConfigKey(
        key="plugins[].environment",
        type=list,
        help="names of environment variables that the plugin's processes and their programs (`program`) get, in "
        "addition to those that every process has and those that the plugin itself asks for; `*` stands for any "
        "characters",
    ),
    ConfigKey(
        key="falcohost.watch_interval",
        type=float,
        default=1.0,
        help="seconds between two checks of files that may change while falcohost runs: configuration and rules (see "
        "`watch_config_files`), certificates and secrets: 0.1 to 3600. A change counts once two checks in a row have "
        "found the same",
    ),
    ConfigKey(
        key="falcohost.source_timeout",
        type=float,
        default=60.0,
        help="seconds after which a source that does not come back from being opened, from reading or from its rules "
        "gets another worker, with an alert: 5 to 86400; 0: never. One that a signal has stopped is replaced sooner",
    ),
    ConfigKey(
        key="falcohost.nice",
        type=int,
        default=-10,
        help="precedence of the agent's processes where processors are short, as for nice(1), from -20 (goes first) to "
        "0 (as it was started). An agent that was started with another value than 0 keeps that; sources' programs have "
        "0",
    ),
    ConfigKey(
        key="falcohost.uids",
        type=str,
        default="61184-65519",
        help="user ids of which each process of an agent that runs as root gets one for itself, so that no other "
        "process may stop or trace it. The default is systemd's range of dynamic users",
    ),
    ConfigKey(
        key="falcohost.forbidden_calls",
        type=str,
        default="kill",
        choices=("kill", "log"),
        help="what happens when a process of the agent makes a system call that its job does not need: `kill` ends it "
        "and raises an alert; `log` lets it, and the kernel logs the call, so that an agent goes on where a library "
        "needs a call that falcohost does not know of yet ([security.md](security.md))",
    ),
    ConfigKey(
        key="plugins[].library_path",
        type=str,
        help="ignored; falcohost's plugins are Python packages",
    ),
)

ALERTS: Final = (
    ConfigKey(key="json_output", type=bool, default=False, help="writes alerts as JSON, one object per line"),
    ConfigKey(key="json_include_output_property", type=bool, default=True, help="JSON contains `output`"),
    ConfigKey(
        key="json_include_message_property",
        type=bool,
        default=False,
        help="JSON contains `message`: the output without time and priority",
    ),
    ConfigKey(key="json_include_output_fields_property", type=bool, default=True, help="JSON contains `output_fields`"),
    ConfigKey(key="json_include_tags_property", type=bool, default=True, help="JSON contains `tags`"),
    ConfigKey(
        key="time_format_iso_8601",
        type=bool,
        default=False,
        help="writes times in ISO 8601, UTC, instead of local time of day",
    ),
    ConfigKey(
        key="buffer_format_base64",
        type=bool,
        default=False,
        help="writes buffers (`evt.buffer`, parameters such as `data`, `args` and `env`) in base64; otherwise "
        "unprintable bytes are dots",
    ),
    ConfigKey(key="append_output[].match.source", type=str, help=f"{_MATCH}: by source"),
    ConfigKey(key="append_output[].match.tags", type=list, help=f"{_MATCH}: by tags"),
    ConfigKey(key="append_output[].match.rule", type=str, help=f"{_MATCH}: by name"),
    ConfigKey(key="append_output[].extra_output", type=str, help="text appended to the output"),
    ConfigKey(key="append_output[].extra_fields", type=object, help="fields added to `output_fields`"),
    ConfigKey(
        key="append_output[].suggested_output",
        type=bool,
        default=False,
        help="appends the fields that the source suggests to the output",
    ),
    ConfigKey(
        key="falcohost.json_include_id",
        type=bool,
        default=False,
        help="JSON contains `id`. The same event and rule always give the same id, so that a receiver can drop an "
        "alert that is delivered again. Falco has none",
    ),
    ConfigKey(
        key="falcohost.json_include_condition_fields",
        type=bool,
        default=False,
        help="JSON contains `condition_fields`: the values that the rule's condition read and `output_fields` does not "
        "show, for `falcohost rules explain --event`. `falcohost alerts --json` always prints them. Falco has none",
    ),
    ConfigKey(
        key="falcohost.json_include_subjects",
        type=bool,
        default=False,
        help="JSON contains `subjects`: the processes, users and resources that the alert is about, at most 16; and "
        "`metadata`: the rule's description, file and exceptions. Falco has neither",
    ),
    ConfigKey(
        key="static_fields",
        type=object,
        help="names and values of fields of your own: `env: prod` is the field `static.env` of every event, for rules "
        "and outputs; `suggested_output` appends it",
    ),
    ConfigKey(
        key="falcohost.fold.enabled",
        type=bool,
        default=_PIPELINE.fold.enabled,
        help="in a flood of similar matches, only the first become alerts; the rest are counted and reported in one "
        "alert with `falcohost.count`, `falcohost.first`, `falcohost.last` and `falcohost.same` in "
        "`output_fields`, and with the distinct values of each field in the output as `falcohost.values.FIELD` "
        "([decision 0048](decisions/0048-folds-keep-values.md)). Does not apply to sources that can be read again, "
        "such as logs "
        "([decision 0013](decisions/0013-floods-are-folded.md))",
    ),
    ConfigKey(
        key="falcohost.fold.after",
        type=int,
        default=_PIPELINE.fold.after,
        help="alerts per window with the same rule, process and output before folding begins; ten times as many with "
        "the same rule and process, a hundred times as many with the same rule",
    ),
    ConfigKey(
        key="falcohost.fold.window",
        type=float,
        default=_PIPELINE.fold.window,
        help="seconds after which the count is reported and starts again, at most 3600",
    ),
    ConfigKey(
        key="falcohost.lookups.wait",
        type=float,
        default=_PIPELINE.wait,
        help="seconds that a match waits for the row of a lookup, less than 3; a row that has not arrived by then "
        "counts as absent, and `falcohost.missing` in `output_fields` names it "
        "([decision 0023](decisions/0023-lookups-and-candidates.md))",
    ),
)


MESSAGES: Final = (
    ConfigKey(key="log_stderr", type=bool, default=True, help="writes log messages to standard error"),
    ConfigKey(key="log_syslog", type=bool, default=True, help="writes log messages to syslog"),
    ConfigKey(
        key="log_level",
        type=str,
        default="info",
        choices=LEVELS,
        help="minimum level of log messages",
    ),
)

#: The rows by the titles of docs/configuration.md.
SECTIONS: Final = {
    "Files and rules": FILES,
    "Sources and plugins": PLUGINS,
    "Alerts": ALERTS,
    "Outputs": OUTPUTS,
    "Messages": MESSAGES,
    "Endpoints and metrics": HEALTH,
    "Alerts about falcohost itself": INTERNAL,
    "Actions": RESPONSE,
    "Captures": CAPTURE,
}
KEYS: Final = (*(key for section in SECTIONS.values() for key in section), *IDLE)
