"""Fields of the containers in a pod: ``ka.req.pod.containers.*`` and those of the two other lists of containers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from falcohost import Arg, ArgKind, Field, FieldType
from falcohost.jsonlog import ABSENT, lookup
from falcohost_k8saudit.rows import read_at
from falcohost_k8saudit.values import gather, member, text, texts

#: The lists of containers in a pod's specification, with the word that descriptions use.
LISTS = {
    "containers": "containers",
    "initContainers": "init containers",
    "ephemeralContainers": "ephemeral containers",
}

#: Fields that show a value of each container unchanged: name, path, description.
_PLAIN = (
    ("privileged", ("securityContext", "privileged"), "Whether each of the {} is privileged."),
    (
        "allow_privilege_escalation",
        ("securityContext", "allowPrivilegeEscalation"),
        "Whether processes of each of the {} may gain privileges.",
    ),
    (
        "read_only_fs",
        ("securityContext", "readOnlyRootFilesystem"),
        "Whether the root file system of each of the {} is read-only.",
    ),
    ("run_as_user", ("securityContext", "runAsUser"), "User id that each of the {} requests."),
    ("run_as_group", ("securityContext", "runAsGroup"), "Group id that each of the {} requests."),
    ("proc_mount", ("securityContext", "procMount"), "How /proc is mounted in each of the {}."),
    (
        "add_capabilities",
        ("securityContext", "capabilities", "add"),
        "Capabilities that are added to each of the {}, as a JSON array.",
    ),
)

_FIRST = "requestObject.spec.containers"


def container_fields() -> Iterator[Field]:
    """Yield the fields of all three lists."""
    for name, people in LISTS.items():
        yield from _list_fields(name, people)
    yield from _deprecated_fields()


def _list_fields(name: str, people: str) -> Iterator[Field]:
    path = f"requestObject.spec.{name}"

    def row(last: str, description: str, read: Callable[[Any, Any], Any]) -> Field:
        shown = description.format(people)
        return read_at(f"ka.req.pod.{name}.{last}", path, shown, read, arg=ArgKind.INDEX, is_list=True)

    yield row("name", "Names of the {} of the pod.", lambda value, index: _each(value, index, "name"))
    yield row("image", "Images of the {} of the pod.", lambda value, index: _each(value, index, "image"))
    yield row("image.repository", "Image of each of the {}, up to its tag or digest.", _repositories)
    yield row("command", "Command of each of the {}, its words separated by blanks.", _words("command"))
    yield row("args", "Arguments of each of the {}, separated by blanks.", _words("args"))
    for last, keys, description in _PLAIN:
        yield row(last, description, _plain(keys))
    yield _effective(name, "user", "runAsUser", f"User id of each of the {people}: its own, else the pod's, else 0.")
    yield _effective(name, "group", "runAsGroup", f"Group id of each of the {people}: its own, else the pod's, else 0.")
    if name != "ephemeralContainers":
        yield row("host_port", "Host ports of the {}, or their own ports without one.", _host_ports)


def _deprecated_fields() -> Iterator[Field]:
    yield read_at(
        "ka.req.container.image",
        _FIRST,
        "Image of the first container; see ka.req.pod.containers.image.",
        lambda value, arg: _only(_each(value, 0, "image")),
    )
    yield read_at(
        "ka.req.container.image.repository",
        _FIRST,
        "Image of the first container, up to its tag or digest; see ka.req.pod.containers.image.repository.",
        lambda value, arg: _only(_repositories(value, 0)),
    )
    yield read_at(
        "ka.req.container.privileged",
        _FIRST,
        "Whether any container is privileged; see ka.req.pod.containers.privileged.",
        _any_privileged,
    )


def _plain(keys: tuple[str, ...]) -> Callable[[Any, Any], Any]:
    def read(value: Any, index: Any) -> tuple[str, ...] | None:
        found = _gather(value, index, *keys)
        return None if found is None else texts(found)

    if len(keys) != 2:
        return read
    first, second = keys

    def read_two(value: Any, index: Any) -> tuple[str, ...] | None:
        """Return the same; where each container has the first key, as most do that have the second, in one pass."""
        if index is None and value.__class__ is list:
            try:
                if len(value) == 1:  # as most pods have
                    one = value[0][first].get(second, ABSENT)
                    return None if one is ABSENT else (text(one) or "",)
                found = [container[first].get(second, ABSENT) for container in value]
            except (KeyError, TypeError, AttributeError):  # one lacks it, or something there is no object
                return read(value, index)
            return tuple([text(one) or "" for one in found if one is not ABSENT]) or None
        return read(value, index)

    return read_two


def _gather(value: Any, index: Any, *keys: str) -> list[Any] | None:
    return None if value is ABSENT else gather(value, index, *keys)


def _each(value: Any, index: Any, key: str) -> tuple[str, ...] | None:
    """Return the value under *key* of each container; None if one of them lacks it."""
    if index is None and value.__class__ is list:
        try:
            if len(value) == 1 and (only := value[0][key]).__class__ is str:
                return (only,)
            named = [container[key] for container in value]
        except (KeyError, TypeError):  # one lacks it, or is no object
            named = []
        if named and {*map(type, named)} == _TEXTS:  # as most are
            return tuple(named)
    found = _gather(value, index, key)
    return None if found is None or ABSENT in found else texts(found)


_TEXTS = {str}


def _only(values: tuple[str, ...] | None) -> str | None:
    return values[0] if values else None


def _repositories(value: Any, index: Any) -> tuple[str, ...] | None:
    if index is None and value.__class__ is list and value:
        try:
            if len(value) == 1:
                return (value[0]["image"].split(":", 1)[0].split("@", 1)[0],)
            return tuple([container["image"].split(":", 1)[0].split("@", 1)[0] for container in value])
        except (KeyError, TypeError, AttributeError):  # one lacks it, is no object, or has something but a text
            pass
    images = _each(value, index, "image")
    return None if images is None else tuple([image.split(":", 1)[0].split("@", 1)[0] for image in images])


def _words(key: str) -> Callable[[Any, Any], Any]:
    def read(value: Any, index: Any) -> tuple[str, ...] | None:
        found = [words for words in _gather(value, index, key) or () if words is not ABSENT]
        whole = all(isinstance(words, list) and all(isinstance(word, str) for word in words) for words in found)
        return tuple(" ".join(words) for words in found) or None if whole else None

    return read


def _host_ports(value: Any, index: Any) -> tuple[str, ...] | None:
    found = [ports for ports in _gather(value, index, "ports") or () if ports is not ABSENT]
    if not all(isinstance(ports, list) for ports in found):
        return None
    return texts(_host_port(port) for ports in found for port in ports)


def _host_port(port: Any) -> Any:
    host = member(port, "hostPort")
    return member(port, "containerPort") if host is ABSENT else host


def _any_privileged(value: Any, arg: Any) -> str | None:
    found = _gather(value, None, "securityContext", "privileged")
    return None if found is None else "true" if any(one is True for one in found) else "false"


def _effective(name: str, what: str, key: str, description: str) -> Field:
    """Return the field of an id as Falco computes it: from beside the ``securityContext``, not from within it."""
    containers, of_pod = f"requestObject.spec.{name}", f"requestObject.spec.{key}"
    find, find_default = lookup(containers), lookup(of_pod)

    def get(event: Any, arg: Arg) -> tuple[str, ...] | None:
        found = _gather(find(event.record), arg, key)
        default = text(find_default(event.record)) or "0"
        return None if found is None else tuple(text(one) or default for one in found) or None

    return Field(
        name=f"ka.req.pod.{name}.eff_run_as_{what}",
        type=FieldType.CHARBUF,
        description=description,
        get=get,
        reads=(containers, of_pod),
        arg=ArgKind.INDEX,
        is_list=True,
    )
