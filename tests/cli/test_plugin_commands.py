"""Commands that plugins bring."""


def test_a_plugins_command(falcohost, setup):
    """The command of a plugin that is configured is there, with the plugin's settings; in no other configuration."""
    config = setup("safe: {pin: 1234}\n")[:2]

    assert falcohost(*config, "add", "2", "3").stdout == "5 1234\n"
    assert falcohost(*config, "-o", "safe.pin=x", "add").stdout == "0 x\n"
    assert falcohost("add", "2").stderr == "Error: No such command 'add'.\n"


def test_help_and_completion_list_it(falcohost, setup):
    """The help has the command with its line, and the shell completes it."""
    config = setup()[:2]

    assert "\nCommands of plugins:\n  add  Add numbers up.\n" in falcohost(*config, "--help").stdout
    assert "plugins:" not in falcohost("--help").stdout
    words = f"falcohost {' '.join(config)} a"
    done = falcohost(_FALCOHOST_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD="3")

    found = done.stdout.split()
    assert {"plain,alerts", "plain,add"} <= set(found)
    assert [word for word in found if not word.startswith("plain,a")] == []


def test_a_command_of_falcohosts_own_name(falcohost, setup):
    """A plugin cannot take the name of one of falcohost's own commands."""
    config = setup()[:2]

    done = falcohost(*config, "add", NUMBERS_COMMAND="stats")

    assert done.stderr == "Error: the plugin 'numbers' offers the command 'stats', a name of falcohost's own\n"


def test_a_plugin_that_is_broken(falcohost, setup):
    """Where a plugin is left out, a command that is not there is told with the reason."""
    config = setup()[:2]

    done = falcohost(*config, "add", NUMBERS_BREAK="by heat")

    assert done.stderr == "Error: plugin 'numbers' is left out: RuntimeError: by heat\n"
    assert "plugins:" not in falcohost(*config, "--help", NUMBERS_BREAK="by heat").stdout
