"""Whom and what an audit event is about."""

import pytest

from falcohost import ResourceSubject, UserSubject
from falcohost.jsonlog import event_of
from falcohost_k8saudit.source import LOG


def test_the_user_is_the_subject():
    """It is who made the request, also where it was made as somebody else."""
    record = {"user": {"username": "jane"}, "impersonatedUser": {"username": "admin"}}

    assert UserSubject("k8s.user", "jane") == event_of(LOG, record).subject


POD = {"resource": "pods", "namespace": "shop", "name": "web", "subresource": "exec", "apiVersion": "v1"}


@pytest.mark.parametrize(
    ("record", "kind", "name"),
    [
        ({"objectRef": POD}, "k8s.pods", "shop/web"),
        (
            {"objectRef": {"resource": "deployments", "apiGroup": "apps", "namespace": "shop", "name": "web"}},
            "k8s.deployments.apps",
            "shop/web",
        ),
        ({"objectRef": {"resource": "nodes", "name": "n1"}}, "k8s.nodes", "n1"),
        ({"objectRef": {"resource": "secrets", "namespace": "shop"}}, "k8s.secrets", "shop/*"),
        ({"objectRef": {"resource": "secrets"}, "responseObject": {"metadata": {}}}, "k8s.secrets", "*"),
        (
            {
                "objectRef": {"resource": "pods", "namespace": "shop"},
                "responseObject": {"metadata": {"name": "job-x7k"}},
            },
            "k8s.pods",
            "shop/job-x7k",
        ),
    ],
)
def test_the_object_is_the_resource(record, kind, name):
    """It is named as Kubernetes does, by kind, namespace and name; all of a kind are called by a star."""
    assert (ResourceSubject(kind, name),) == event_of(LOG, record).resources


@pytest.mark.parametrize("record", [{}, {"objectRef": "pods"}, {"objectRef": {"resource": 7}}, {"objectRef": None}])
def test_a_request_about_no_object_has_no_resource(record):
    """A request for a path such as /healthz has none, nor has one that is odd."""
    assert () == event_of(LOG, record).resources
