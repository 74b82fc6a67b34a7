"""Turns bytes from the kernel into text. Escapes what is not UTF-8, so that distinct names stay distinct."""

from __future__ import annotations


def text(data: bytes) -> str:
    """Return *data* as text."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode(errors="backslashreplace")


def absolute(directory: str | None, path: str) -> str:
    """Return *path* relative to *directory*, without ``.``, ``..`` and doubled slashes.

    Works on the text alone, as Falco does: symbolic links are not followed. ``<UNKNOWN>`` replaces a missing directory.
    What is in a directory that is not known (``./``) stays there.
    """
    if not path.startswith("/"):
        if directory is None:
            return f"<UNKNOWN>{path}"
        if directory.startswith("."):
            return "." + absolute("/", f"{directory[1:]}/{path}")
        path = f"{directory}/{path}" if path else directory
    if "//" not in path and "/." not in path and (len(path) == 1 or not path.endswith("/")):
        return path
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)
