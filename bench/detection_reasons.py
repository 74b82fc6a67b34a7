"""Why the shipped rules miss a labelled event or are right to fire on a harmless one; docs/detection.md tells it.

A case that goes wrong and is in no table fails the test of that page; so does one that is here and does not go wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Miss(NamedTuple):
    """Why no rule of the default profile fires on a suspicious event.

    :ivar technique: the technique of ATT&CK that the event is of.
    :ivar event: whether it is an event of the log at all.
    """

    technique: str
    why: str
    event: bool = True


_LAKE = (
    "A row of a query in a data lake about many events, no record of Okta's System Log: it has no actor and no type."
)
_SWA = (
    f"{_LAKE} Each look at another user's password is told by 'Okta password of an application shown to somebody else'."
)
_EXPORT = "An export of a data lake with all names in lower case; CloudTrail's own records have `eventName`."
_CHECKOUT = "Nearly every job checks out its repository. A rule tells of workflows that a fork started instead."
_WRITES = (
    "Rights to change ordinary objects are what most roles are for; the rule of the default profile asks for more."
)

MISSES: Mapping[str, Miss] = {
    "AWS.CloudTrail.Password.Policy.Discovery/Password Discovery ARN": Miss("T1087.004", _EXPORT),
    "AWS.IPSet.Modified/CreateIPSet Event": Miss("T1562.001", _EXPORT),
    "AWS.IAMUser.ReconAccessDenied/Unauthorized API Call": Miss(
        "T1580", "One refused request of a user is a mistyped name more often than an attack."
    ),
    "AWS.CloudTrail.UnauthorizedAPICall/Unauthorized API Call from Within AWS (IP)": Miss(
        "T1580", "One refused request of a user is a mistyped name more often than an attack."
    ),
    "AWS.Software.Discovery/Discovery Event Names": Miss(
        "T1518.001", "A function lists security groups, which functions for inventory do all day."
    ),
    "AWS.UnusedRegion/Unauthorized region": Miss(
        "T1535",
        "Which regions an account uses is not in the event. A rule of your own with a list of regions tells it.",
    ),
    "GitHub.Action.Failed/GitHub Action Failed - Monitored Action Configured": Miss(
        "T1195.002", "A failed workflow counts as suspicious in the corpus if it is on a list of one's own."
    ),
    "Github.Repo.Created/GitHub - Repo Created": Miss("T1608", "Repositories are created every day."),
    "GitHub.Webhook.WorkflowArtifactDownload/Workflow with actions/download-artifact": Miss(
        "T1195.002", "Jobs pass files to each other like that every day."
    ),
    "GitHub.Webhook.WorkflowContainsCheckout/Workflow job with checkout step completed": Miss("T1195.002", _CHECKOUT),
    "GitHub.Webhook.WorkflowContainsCheckout/Workflow job with case-insensitive checkout variation": Miss(
        "T1195.002", _CHECKOUT
    ),
    "GitHub.Webhook.WorkflowContainsCheckout/Workflow job with 'Post Checkout' step": Miss("T1195.002", _CHECKOUT),
    "Kubernetes.API.Multiple403.PublicIP/AKS 403 from Public IP": Miss(
        "T1580", "The corpus counts refusals; one of a known user is a mistake more often than an attack."
    ),
    "Kubernetes.Pod.Privileged.Created/Pod with runAsUser=0 (root)": Miss(
        "T1610", "User 0 inside a container without further rights is how most images run, the default even."
    ),
    "Kubernetes.Role.WritePermissions/GKE ClusterRole with deletecollection": Miss("T1098.006", _WRITES),
    "Kubernetes.Role.WritePermissions/EKS Role with mixed read and write permissions": Miss("T1098.006", _WRITES),
    "Kubernetes.ServiceAccount.TokenCreated/System principal in user namespace (alert)": Miss(
        "T1528", "The controllers of Kubernetes request tokens of all namespaces; it is their work."
    ),
    "Okta.ADAgent.AuthenticationAnomaly.ZScore/Moderate Volume Spike with Country Diversity - High Severity": Miss(
        "T1556.007", _LAKE, event=False
    ),
    "Okta.SkeletonKeyBypass.Behavioral/First-Time Admin Enrollment - Medium Severity": Miss(
        "T1556.001", _LAKE, event=False
    ),
    "Okta.SWA.BulkAccess.Behavioral/First-Time Bulk Credential Extraction - Critical Severity": Miss(
        "T1555", _SWA, event=False
    ),
    "Okta.SWA.BulkAccess.Behavioral/Bulk SWA App Access Volume Spike - High Severity": Miss("T1555", _SWA, event=False),
    "Okta.SWA.BulkAccess.Behavioral/New IP with Credential Extraction - Critical Severity": Miss(
        "T1555", _SWA, event=False
    ),
    "Okta.SWA.BulkAccess.Behavioral/New IP Only - No Extraction - High Severity": Miss("T1555", _SWA, event=False),
    "Okta.SWA.OffHoursAccess.Behavioral/Geographic Shift with Off-Hours Access - Critical Severity": Miss(
        "T1555", _SWA, event=False
    ),
    "Okta.SWA.OffHoursAccess.Behavioral/Cold Start - No Baseline - High Severity": Miss("T1555", _SWA, event=False),
}

_FACTORS = "An administrator reset all second factors of another user. Stolen help desk accounts do just that."

#: Alerts on harmless events that are right all the same. The case is there to be left alone by another rule.
RIGHT: Mapping[str, str] = {
    "AWS.ConfigService.Created/Config Recorder Deleted": "A session deleted the channel by which AWS Config delivers.",
    "AWS.Console.RootLoginFailed/Successful Login": "The root user logged in without a second factor.",
    "AWS.EC2.MultiInstanceConnect/Unrelated Event": "An entry that allows all protocols from everywhere was added.",
    "AWS.S3.SuspendVersioning/Different S3 Event": "The default encryption of a bucket was deleted by hand.",
    "AWS.STS.GetCallerIdentity.TruffleHog/Different STS Event with TruffleHog Agent": (
        "A program that looks for leaked keys used one."
    ),
    "Kubernetes.ClusterRoleBinding.Privileged/RoleBinding (not ClusterRoleBinding)": (
        "Somebody got the role cluster-admin in a namespace: every right there. The corpus asks about the cluster."
    ),
    "Kubernetes.Role.PodExec/Updating existing role (not creating)": (
        "A role got the right to run commands in pods. The corpus asks about new roles; a change gives the same right."
    ),
    "Okta.User.MFA.Factor.Suspend/Other Event": _FACTORS,
    "Okta.User.Reported.Suspicious.Activity/Other Event": _FACTORS,
}

#: Alerts on harmless events that are wrong.
WRONG: Mapping[str, str] = {
    "AWS.EC2.Monitoring/RunInstance": (
        "An administrator started an instance in the console; the rule cannot know that it was meant."
    ),
    "AWS.ECR.EVENTS/Authorized account": "A user pushed an image; that they may is on a list of one's own.",
}
