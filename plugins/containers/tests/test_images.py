"""Names of images in parts."""

import pytest

from falcohost_containers.images import best, split


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("nginx", ("nginx", "", "")),
        ("nginx:1.27", ("nginx", "1.27", "")),
        ("localhost:5000/a/b", ("localhost:5000/a/b", "", "")),
        ("localhost:5000/a/b:x", ("localhost:5000/a/b", "x", "")),
        ("docker.io/library/nginx:1@sha256:ab", ("docker.io/library/nginx", "1", "sha256:ab")),
        ("nginx@sha256:ab", ("nginx", "", "sha256:ab")),
        ("sha256:ab", ("", "", "sha256:ab")),
        ("", ("", "", "")),
    ],
)
def test_parts(name, parts):
    """A port is no tag, and a digest no repository."""
    assert parts == split(name)


def test_other_names_of_the_image():
    """What the wanted name lacks comes from other names of the same repository; an id has no repository of its own."""
    names = ["other:2", "shop:1", "shop@sha256:ab"]

    assert ("shop", "1", "sha256:ab") == best(names, "shop")
    assert ("shop", "9", "sha256:ab") == best(names, "shop:9")
    assert ("other", "2", "") == best(names, "sha256:ff")
    assert ("", "", "") == best([], "")
