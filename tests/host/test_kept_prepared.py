"""What a loader keeps for later starts: it gets its own again, and nothing that others could have written."""

import pytest

from falcohost.host.kept_prepared import KeptPrepared


@pytest.fixture
def cache(tmp_path):
    """Return the folder of the cache."""
    return tmp_path / "cache"


def kept(cache, source="one"):
    """Return what the loader of a source has."""
    return KeptPrepared(cache, source)


def test_what_was_written_is_read(cache):
    """A later start gets it by the same key; other keys and other sources' loaders do not."""
    kept(cache).write(b"key", b"data")

    assert b"data" == kept(cache).read(b"key")
    assert None is kept(cache).read(b"other key")
    assert None is kept(cache, "two").read(b"key")


def test_a_damaged_file(cache):
    """A file of which any byte has changed counts as none."""
    kept(cache).write(b"key", b"data")
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert None is kept(cache).read(b"key")
    file.write_bytes(whole[:-1])
    assert None is kept(cache).read(b"key")


@pytest.mark.parametrize("what", ["folder", "file"])
def test_where_others_can_write(cache, what):
    """A folder or file that another user can write to is not read."""
    kept(cache).write(b"key", b"data")
    (file,) = cache.iterdir()
    (cache if what == "folder" else file).chmod(0o777)

    assert None is kept(cache).read(b"key")


def test_without_a_cache(tmp_path, monkeypatch):
    """If nothing is to be kept, nothing is, and nothing is read."""
    monkeypatch.chdir(tmp_path)
    none = KeptPrepared(None, "one")
    none.write(b"key", b"data")

    assert None is none.read(b"key")
    assert [] == [*tmp_path.iterdir()]


def test_where_nothing_can_be_written(tmp_path):
    """A cache that cannot be written is no error."""
    (tmp_path / "file").write_text("")
    none = kept(tmp_path / "file")
    none.write(b"key", b"data")

    assert None is none.read(b"key")
