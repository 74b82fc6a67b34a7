"""Fields of roles and role bindings that a request creates or changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from falcohost import ArgKind, Field, FieldType
from falcohost.jsonlog import ABSENT
from falcohost_k8saudit.rows import list_at, read_at, text_at
from falcohost_k8saudit.values import gather, member, text, texts

_SUBJECTS = "requestObject.subjects"
_RULES = "requestObject.rules"


def role_fields() -> Iterator[Field]:
    """Yield the fields of roles and bindings."""
    yield from _binding_fields()
    yield list_at("ka.req.role.rules", _RULES, "Rules of the role, each as JSON.")
    for last, what in (
        ("apiGroups", "API groups"),
        ("nonResourceURLs", "Non-resource URLs"),
        ("verbs", "Verbs"),
        ("resources", "Resources"),
    ):
        yield _of_rules(f"ka.req.role.rules.{last}", last, f"{what} in the rules of the role.")
    yield _of_rules(
        "ka.sourceips", "sourceIPs", "The member sourceIPs of a role's rules, which Falco calls the client's addresses."
    )


def _binding_fields() -> Iterator[Field]:
    yield list_at("ka.req.binding.subjects", _SUBJECTS, "Subjects of the binding, each as JSON.")
    for last, kind, what in (
        ("user_names", "User", "Users"),
        ("group_names", "Group", "Groups"),
        ("serviceaccount_names", "ServiceAccount", "Service accounts"),
    ):
        name = f"ka.req.binding.subjects.{last}"
        yield read_at(name, _SUBJECTS, f"{what} among the subjects of the binding.", _names(kind), is_list=True)
    yield read_at(
        "ka.req.binding.subjects.serviceaccount_ns_names",
        _SUBJECTS,
        "Service accounts among the subjects of the binding, as NAMESPACE:NAME.",
        _names("ServiceAccount", namespace=True),
        is_list=True,
    )
    yield text_at("ka.req.binding.role", "requestObject.roleRef.name", "Role of the binding.")
    yield Field(
        name="ka.req.binding.subject.has_name",
        type=FieldType.CHARBUF,
        description="Always true; kept for old rules.",
        get=lambda event, arg: "true",
        reads=("auditID",),
        arg=ArgKind.KEY,
        arg_required=True,
    )


def _of_rules(name: str, key: str, description: str) -> Field:
    def read(value: Any, index: Any) -> tuple[str, ...] | None:
        found = [] if value is ABSENT else gather(value, index, key) or []
        return texts(item for items in found if isinstance(items, list) for item in items)

    return read_at(name, _RULES, description, read, arg=ArgKind.INDEX, is_list=True)


def _names(kind: str, *, namespace: bool = False) -> Callable[[Any, Any], Any]:
    def read(value: Any, arg: Any) -> tuple[str, ...] | None:
        subjects = value if isinstance(value, list) else []
        named = (subject for subject in subjects if text(member(subject, "kind")) == kind)
        return texts(_name(subject, namespace) for subject in named)

    return read


def _name(subject: Any, namespace: bool) -> Any:
    name = member(subject, "name")
    if not namespace or name is ABSENT:
        return name
    space = member(subject, "namespace")
    return ABSENT if space is ABSENT else f"{text(space)}:{text(name)}"
