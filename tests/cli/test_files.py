"""Files of the agent that go, come back, or are no files: refused with their names, and never waited for."""

import os
from pathlib import Path

import pytest

FAILURE = "Falco internal: hot restart failure"
#: Seconds between two checks of files; users have 1.
WATCHED_OFTEN = "falcohost: {watch_interval: 0.2, fold: {enabled: false}}"
TAKEN = "Event source 'numbers' now uses the new rules"

FIRST = "- {rule: First, desc: d, condition: number.value > 0, output: o, priority: INFO, source: numbers}"
SECOND = "- {rule: Second, desc: d, condition: number.value > 0, output: o, priority: INFO, source: numbers}"


@pytest.fixture
def two(setup, tmp_path):
    """Return a function that sets up an agent with two rules files; *more* is in its configuration."""

    def two(first=None, second=None, more=""):
        paths = [first or tmp_path / "first.yaml", second or tmp_path / "second.yaml"]
        files = [str(path) for path in paths]
        config = f"json_output: true\nrule_matching: all\nrules_files: {files}\n{WATCHED_OFTEN}\n{more}"
        command = setup(config, numbers={"interval": 0.02})
        if first is None:
            paths[0].write_text(FIRST)
        if second is None:
            paths[1].write_text(SECOND)
        return [*command[:2], "--enable-source", "numbers"], paths

    return two


def fired(running, since=0):
    """Return the rules of the alerts behind the first *since*."""
    return {alert["rule"] for alert in running.alerts[since:]}


def fires(running, until, rule):
    """Wait for a new alert of *rule*."""
    seen = len(running.alerts)
    until(lambda: rule in fired(running, seen))


def refusals(running):
    """Return the reasons for which a reload was refused."""
    return [alert["output_fields"]["reason"] for alert in running.alerts if alert["rule"] == FAILURE]


def test_a_rules_file_that_goes_and_comes_back(agent, two, until):
    """Its rules stay: the reload without it is refused with an alert that names it, and it is waited for."""
    command, (_, second) = two()
    running = agent(*command)
    fires(running, until, "Second")
    second.rename(f"{second}.away")
    (reason,) = until(lambda: refusals(running))
    fires(running, until, "Second")
    Path(f"{second}.away").rename(second)
    running.wait_for(TAKEN)
    fires(running, until, "Second")

    assert f"rules_files names {second}, which is not there; put it there, or do not name it" in reason
    assert f"{command[1]}:" in reason
    assert [reason] == refusals(running)


def test_a_file_that_is_named_before_it_is_there(agent, two, tmp_path, until):
    """A configuration that names one is refused; as soon as the file comes, both are taken."""
    command, _ = two()
    running = agent(*command)
    fires(running, until, "First")
    config = tmp_path / "falco.yaml"
    config.write_text(config.read_text().replace("second.yaml", "third.yaml"))
    (reason,) = until(lambda: refusals(running))
    (tmp_path / "third.yaml").write_text(FIRST.replace("First", "Third"))
    fires(running, until, "Third")

    assert f"{tmp_path}/third.yaml, which is not there" in reason


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_a_start_without_one(falcohost, two, dry):
    """Every entry that is not there is named with its place, and the status is 1."""
    command, paths = two()
    for path in paths:
        path.unlink()
    ended = falcohost(*command, *dry)

    assert 1 == ended.returncode
    error = ended.stderr.partition("Error: ")[2]
    assert [f"rules_files names {path}, which is not there" in error for path in paths] == [True, True]
    assert f"{command[1]}:" in error
    assert ended.stdout == ""


def test_r_names_what_is_not_there(falcohost, two, tmp_path):
    """-r is held to the same, whatever its name ends in."""
    command, _ = two()
    ended = falcohost(*command, "-r", "rules.yaml", "-r", f"{tmp_path}/rules.d")

    assert (1, True) == (ended.returncode, f"Error: -r names {tmp_path}/rules.d, which is not there" in ended.stderr)


def test_a_name_that_is_not_utf8(agent, setup, tmp_path, until):
    """A rules file may have any name: an agent has its rules, and after a change the new ones."""
    command = setup(f"json_output: true\n{WATCHED_OFTEN}", numbers={"interval": 0.02})
    path = tmp_path / os.fsdecode(b"a\xff.yaml")
    path.write_text(FIRST)
    running = agent(*command[:2], "--enable-source", "numbers", "-r", str(path))
    fires(running, until, "First")
    path.write_text(SECOND)
    fires(running, until, "Second")

    assert "is a bug" not in running.stderr


def test_a_config_map_is_switched(agent, two, tmp_path, until):
    """Kubernetes swaps the folder ``..data`` is a link to, and removes the old one: the new rules are taken."""
    mounted = tmp_path / "mounted"
    for number, rule in enumerate(("Second", "Third")):
        (mounted / f"..{number}").mkdir(parents=True)
        (mounted / f"..{number}" / "rules.yaml").write_text(SECOND.replace("Second", rule))
    (mounted / "..data").symlink_to("..0")
    (mounted / "rules.yaml").symlink_to("..data/rules.yaml")
    command, _ = two(second=mounted)
    running = agent(*command)
    fires(running, until, "Second")
    (mounted / "..new").symlink_to("..1")
    (mounted / "..new").rename(mounted / "..data")
    (mounted / "..0" / "rules.yaml").unlink()
    fires(running, until, "Third")

    assert [] == refusals(running)


def test_files_of_a_folder_come_and_go(agent, two, tmp_path, until):
    """A folder's files may go and come; a link in it that leads nowhere is refused, an editor's lock is none."""
    folder = tmp_path / "rules.d"
    folder.mkdir()
    (folder / "one.yaml").write_text(SECOND)
    command, _ = two(second=folder)
    running = agent(*command)
    fires(running, until, "Second")
    (folder / ".#one.yaml").symlink_to("me@here.1")
    (folder / "one.yaml").rename(folder / "one.yaml~")
    (folder / "two.yaml").write_text(SECOND.replace("Second", "Third"))
    fires(running, until, "Third")
    (folder / "three.yaml").symlink_to("/nowhere")
    (reason,) = until(lambda: refusals(running))

    assert f"Could not open file {folder}/three.yaml for reading: No such file or directory" == reason


def test_a_rules_file_that_becomes_a_fifo(agent, two, until):
    """The reload is refused at once, and the next one, with a file again, is taken."""
    command, (_, second) = two()
    running = agent(*command)
    fires(running, until, "Second")
    second.unlink()
    os.mkfifo(second)
    (reason,) = until(lambda: refusals(running))
    second.unlink()
    second.write_text(SECOND.replace("Second", "Third"))
    fires(running, until, "Third")

    assert f"Could not open file {second} for reading: It is a FIFO, not a regular file" == reason


def test_a_configuration_that_is_gone(agent, setup, two, tmp_path, until):
    """The file itself, or one that it includes, may not go; the agent stays as it is, and waits for it."""
    (tmp_path / "more.yaml").write_text("priority: debug")
    command, _ = two(more=f"config_files: {tmp_path}/more.yaml")
    running = agent(*command)
    fires(running, until, "Second")
    (tmp_path / "more.yaml").rename(tmp_path / "away")
    (first,) = until(lambda: refusals(running))
    (tmp_path / "away").rename(tmp_path / "more.yaml")
    running.wait_for(TAKEN)
    (tmp_path / "falco.yaml").unlink()
    until(lambda: len(refusals(running)) == 2)

    assert f"config_files names {tmp_path}/more.yaml, which is no longer there" == first
    assert f"Could not find configuration file at {tmp_path}/falco.yaml" == refusals(running)[1]


def test_config_files_that_are_not_there_are_warned_of(falcohost, two):
    """Falco passes over them; here the log says so, with the place."""
    command, _ = two(more="config_files: [/nowhere.d]")
    ended = falcohost(*command, "--dry-run")

    line = Path(command[1]).read_text().splitlines().index("config_files: [/nowhere.d]") + 1
    assert 0 == ended.returncode
    where = f"{command[1]}:{line}:16"
    assert f"{where}: config_files names /nowhere.d, which is not there: nothing is read from it" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["-V", "/dev/zero"], "Could not open file /dev/zero for reading: It is a device, not a regular file"),
        (["-V", "{fifo}"], "Could not open file {fifo} for reading: It is a FIFO, not a regular file"),
        (["-V", "{large}"], "Could not open file {large} for reading: It is larger than 64 MiB"),
        (["-c", "{fifo}"], "Cannot read the configuration file {fifo}: It is a FIFO, not a regular file"),
        (["-c", "{large}"], "Cannot read the configuration file {large}: It is larger than 16 MiB"),
        (["-o", "config_files={fifo}"], "Cannot read the configuration file {fifo}: It is a FIFO, not a regular file"),
        (["rules", "stats", "{fifo}"], "Could not open file {fifo} for reading: It is a FIFO, not a regular file"),
    ],
)
def test_what_is_no_file_is_refused_at_once(program, tmp_path, arguments, error):
    """A FIFO is not waited for, a device not read, and a large file not taken into memory."""
    names = {"fifo": str(tmp_path / "fifo.yaml"), "large": str(tmp_path / "large.yaml")}
    os.mkfifo(names["fifo"])
    Path(names["large"]).touch()
    os.truncate(names["large"], (64 << 20) + 1)
    ended = program(*(argument.format(**names) for argument in arguments))

    assert (1, True) == (ended.returncode, error.format(**names) in ended.stderr)


def test_what_changes_while_the_agent_starts(agent, two, until):
    """A file that changes between being read and being watched is read again."""
    command, (_, second) = two()
    blocks = "\n".join(FIRST.replace("First", f"Rule {number}") for number in range(2000))
    second.write_text(f"{blocks}\n{SECOND}")
    running = agent(*command)
    running.wait_for("Loading rules from:")
    second.write_text(SECOND.replace("Second", "Third"))
    fires(running, until, "Third")
