"""Documentation that cannot rot: what there is, is documented, and what is generated is up to date."""

import importlib.util
import re
import tomllib

import pluggy
import pytest

from falcohost import hookspecs
from falcohost.cli.app import COMMANDS
from falcohost.host.config.keys import leaves
from falcohost.host.extras import EXTRAS
from falcohost.host.plugins import load_plugins
from falcohost.testing.cli import run_cli


@pytest.fixture(scope="module")
def plugins_page(root):
    """Return docs/plugins.md."""
    return (root / "docs" / "plugins.md").read_text()


def generator(root, name):
    """Return the module of that name in docs/."""
    spec = importlib.util.spec_from_file_location(name, root / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def field_tables(root):
    """Return the generator of the tables of fields."""
    return generator(root, "field_tables")


def hooks():
    """Return the names of all hook specifications."""
    manager = pluggy.PluginManager("falcohost")
    manager.add_hookspecs(hookspecs)
    return sorted(vars(manager.hook))


def test_every_hook_has_a_section(plugins_page):
    """docs/plugins.md has a section for each hook, and for nothing that is no hook."""
    assert sorted(re.findall(r"^### (falcohost_\w+)$", plugins_page, re.MULTILINE)) == hooks()


def test_no_page_has_both_sides_of_a_conflict(root):
    """No page has the markers that git writes where it could not merge."""
    pages = [root / "README.md", root / "CHANGELOG.md", *(root / "docs").rglob("*.md")]

    assert [page for page in pages if re.search(r"^(<{7}|>{7}) ", page.read_text(), re.MULTILINE)] == []


def test_every_configuration_key_says_what_it_does():
    """Each key that has an effect has a text for the reference."""
    known = leaves(load_plugins([]).known_keys())

    assert [] == [key.key for key in known if key.effect and not key.help]


def test_tables_of_the_plugin_api_are_up_to_date(root):
    """The tables in docs/plugins.md are what script/docs would write, and each of their rows says what it is about."""
    tables = generator(root, "plugin_tables")
    text = tables.PAGE.read_text()

    assert tables.renewed(text) == text, "run script/docs"
    assert [row for row in re.findall(r"^\| .*$", text, re.MULTILINE) if re.search(r"\|\s+\|$", row)] == []


def test_tables_of_keys_are_up_to_date(root):
    """The tables in docs/configuration.md are what script/docs would write."""
    tables = generator(root, "key_tables")
    text = tables.PAGE.read_text()

    assert tables.renewed(text) == text, "run script/docs"


def test_tables_of_fields_are_up_to_date(field_tables, root):
    """The tables in plugins/*/README.md are what script/docs would write."""
    stale = [str(path.relative_to(root)) for path, text in field_tables.readmes() if path.read_text() != text]

    assert stale == [], "run script/docs"


def test_every_source_has_a_table(field_tables, root):
    """Each plugin's README has the marks of a table, and the table has rows."""
    for path, text in field_tables.readmes():
        tables = re.findall(
            r"<!-- fields of \w+: written by script/docs -->(.*?)<!-- end of fields -->", text, re.DOTALL
        )

        assert tables, path
        assert all(table.count("\n| `") > 0 for table in tables), path


def test_tables_of_counters_are_up_to_date(root):
    """The tables in docs/stats.md are what script/docs would write: each counter is in one."""
    module = generator(root, "counter_tables")
    text = module.PAGE.read_text()

    assert module.renewed(text) == text, "run script/docs"
    assert text.count("\n| `types.NAME.") >= 8


def test_tables_of_metrics_are_up_to_date(root):
    """The tables in docs/metrics.md are what script/docs would write: each metric is in one."""
    module = generator(root, "metric_tables")
    text = module.PAGE.read_text()

    assert module.renewed(text) == text, "run script/docs"
    assert text.count("\n| `falcohost_source_") >= 30
    assert text.count("\n| `falcosecurity_") == len(module.falco.HELP)


def test_table_of_internal_alerts_is_up_to_date(root):
    """The table in docs/internal_alerts.md is what script/docs would write."""
    module = generator(root, "internal_tables")
    text = module.PAGE.read_text()

    assert module.renewed(text) == text, "run script/docs"
    assert text.count(" internal: ") >= len(module.ALERTS)


def test_every_command_is_documented(root):
    """The README's table of commands has each command of the program, and no other."""
    text = (root / "README.md").read_text()
    named = set(re.findall(r"^\| `falcohost (\w+)` \|", text, re.MULTILINE))

    assert named == set(COMMANDS)


def test_first_rule_of_the_readme_loads(root, tmp_path):
    """The rule that the README shows is accepted as it stands, without a warning."""
    rule = re.search("```yaml\n(- rule: .*?)```", (root / "README.md").read_text(), re.DOTALL)[1]
    (tmp_path / "shadow.yaml").write_text(rule)

    done = run_cli("-V", "shadow.yaml", folder=tmp_path)

    assert (done.returncode, done.stdout.strip()) == (0, "shadow.yaml: Ok"), done.stderr


def headings(page):
    """Return the anchors of the headings of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_links_lead_somewhere(root):
    """A relative link in a page leads to a file that is there, and to a heading in it."""
    pages = [
        *root.glob("*.md"),
        *root.glob("docs/**/*.md"),
        *root.glob("plugins/*/README.md"),
        *root.glob("examples/**/*.md"),
    ]
    dead = [
        f"{page.relative_to(root)}: {link}{anchor}"
        for page in pages
        for link, anchor in re.findall(r"\]\(([^)#:]*)(#[^)]*)?\)", page.read_text())
        if not (target := page.parent / link if link else page).exists()
        or (anchor and anchor.removeprefix("#") not in headings(target))
    ]

    assert dead == []


def test_folders_of_core_are_documented(root):
    """CONTRIBUTING.md has a row for each folder of core, and names no folder that is not there."""
    text = (root / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| `core/falcohost/([\w/]+)` \|", text, re.MULTILINE)
    core = root / "core" / "falcohost"

    assert {folder.parent.name for folder in core.glob("*/__init__.py")} <= set(rows)
    assert [row for row in rows if not (core / row / "__init__.py").exists()] == []


def test_decision_records_are_listed(root):
    """docs/decisions/README.md names each record once, in order, with the record that supersedes it."""
    folder = root / "docs" / "decisions"
    listed = re.findall(
        r"^\| \[\d{4}\]\(([^)]+)\) \| .* \| ?(.*) \|$", (folder / "README.md").read_text(), re.MULTILINE
    )
    records = {path.name: path.read_text() for path in sorted(folder.glob("0*.md"))}

    assert [name for name, _ in listed] == list(records), "add a row to docs/decisions/README.md"
    said = {name: re.search(r"^Superseded .*?by \[(\d{4})\]", text, re.MULTILINE) for name, text in records.items()}
    assert {name: found[1] for name, found in said.items() if found} == {
        name: re.search(r"\d{4}", status)[0] for name, status in listed if status.strip()
    }


@pytest.mark.parametrize("page", ["rules.md", "captures.md", "lint.md", "rule-tests.md"])
def test_output_of_commands_is_up_to_date(root, page):
    """The pages show what their commands print, but for the times they measured; script/docs writes it."""
    module = generator(root, "shown_output")
    text = (root / "docs" / page).read_text()

    assert page in [one.name for one in module.PAGES]
    assert "\n$ falcohost " in text
    assert module.without_times(module.renewed(text)) == module.without_times(text)


def test_no_page_installs_from_an_index(root):
    """No package index has falcohost: pages install it from a checkout or a wheel, by extras that exist."""
    pages = [root / "README.md", *root.glob("plugins/*/README.md"), *root.glob("docs/*.md")]
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    found = [one for page in pages for one in re.findall(r"pip install '([^'\[]*)\[([^]]+)\]'", page.read_text())]

    assert [place for place, _ in found if not place.startswith(".")] == []
    assert {extra for _, names in found for extra in names.split(",")} <= set(extras)
    assert len(found) > len(EXTRAS)
