"""The plugin for a JSON log that docs/plugins.md shows."""

import re
from types import SimpleNamespace

from falcohost.engine.paths import getter
from falcohost.events import Plan
from falcohost.host.plugins import ask
from falcohost.testing import projection_problems


def test_example(root, tmp_path):
    """The example is a plugin as it stands: it reads records, and its fields say what they look at."""
    page = (root / "docs" / "plugins.md").read_text()
    names = {}
    exec(re.search("```python\n(from falcohost import Field, FieldType, SourceSpec.*?)```", page, re.DOTALL)[1], names)
    (tmp_path / "orders.json").write_text('{"orders":[{"customer":{"name":"ann"},"items":[1,2]}]}')

    plugin = ask("shop", SimpleNamespace(**names), "shop", "1")
    source = plugin.sources[0].make({"open_params": str(tmp_path / "orders.json")})
    source.open(Plan("shop"), None)
    (event,) = [event for batch in source.batches() for event in batch.events]
    source.close()

    values = {field.name: getter(field)(event, None) for field in plugin.fields["shop"][:2]}
    assert values == {"shop.customer": "ann", "shop.items": 2}
    assert projection_problems(plugin.fields["shop"], [event.record]) == []
