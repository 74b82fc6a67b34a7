"""Which rules tell of what somebody asks first of rules for a log; docs/detection.md shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

#: By log and thing the rules.
BREADTH: Mapping[str, Mapping[str, Sequence[str]]] = {
    "cloudtrail": {
        "root": ("AWS console login of the root user", "AWS root user acted", "AWS root account recovered or changed"),
        "console logins": (
            "AWS console login without a second factor",
            "AWS console login of an IAM user",
            "AWS console login failed",
        ),
        "second factor off": ("AWS second factor removed",),
        "access keys": (
            "AWS access key made for another user",
            "AWS credentials of a user changed",
            "AWS key found in public by AWS itself",
        ),
        "IAM policies": ("AWS policy changed", "AWS administrator rights granted"),
        "trust of roles": (
            "AWS role can be assumed by others",
            "AWS trust anchor created",
            "AWS identity provider changed",
        ),
        "federation by STS": ("AWS federation token requested", "AWS session token requested by a user"),
        "secrets and parameters": (
            "AWS secrets read in bulk",
            "AWS secret read by a person or from outside",
            "AWS parameters read with their secrets",
        ),
        "user data of EC2": (
            "AWS startup script of an instance read",
            "AWS startup script of an instance changed",
        ),
        "snapshots and images shared": (
            "AWS disk or database shared with everyone",
            "AWS disk or database shared with another account",
        ),
        "security groups": ("AWS firewall opened by hand", "AWS security group changed by hand"),
        "SSM": ("AWS commands sent to instances", "AWS shell on an instance"),
        "Lambda": (
            "AWS function's code changed by a user",
            "AWS function given a layer by a user",
            "AWS function may be called by others",
        ),
        "S3": (
            "AWS resource opened to everybody",
            "AWS bucket opened by its access list",
            "AWS block on public sharing switched off",
            "AWS bucket protection switched off",
        ),
        "KMS": ("AWS key disabled or deleted", "AWS key's policy or grant changed by a user"),
        "CloudTrail": ("Audit trail of AWS removed", "AWS audit trail weakened"),
        "GuardDuty": ("AWS threat detection switched off", "AWS findings hidden"),
        "Config": ("AWS configuration recorder changed",),
        "flow logs and logs of names": ("AWS network logs removed",),
        "Organizations": (
            "AWS account leaves its organization",
            "AWS organization given an account or a manager",
        ),
        "SES": ("AWS mail sending explored",),
        "Bedrock": ("AWS model guardrail or log removed", "AWS model used by a user"),
        "RDS": (
            "AWS database's password changed",
            "AWS database restored in the open",
            "AWS database or its backups deleted",
            "AWS database's snapshot exported or copied away",
        ),
        "policies for other accounts": (
            "AWS bucket or registry given to another account",
            "AWS resources shared with other accounts",
            "AWS queue, topic or bus opened to others",
        ),
        "logs of CloudWatch": (
            "AWS logs or alarms removed",
            "AWS logs led elsewhere",
        ),
        "certificates": ("AWS certificate or its key taken out",),
        "costs": (
            "AWS watch over costs removed",
            "AWS quota raised",
        ),
        "builds and templates": (
            "AWS build or release changed by a user",
            "AWS resources made or removed in many accounts",
        ),
    },
    "kubernetes": {
        "anonymous requests": ("K8s anonymous request answered",),
        "exec": ("K8s command run in a pod", "K8s files copied out of or into a pod"),
        "ephemeral containers": ("K8s container added to a running pod",),
        "tokens": ("K8s service account token made", "K8s token of a service account read in a pod"),
        "host paths": ("K8s host's folder mounted into a pod",),
        "host namespaces": ("K8s pod near the host started",),
        "escalation by RBAC": (
            "K8s administrator of the cluster made",
            "K8s role that gives more rights than its maker has",
            "K8s role bound to everybody",
            "K8s role with all rights on something",
        ),
        "webhooks": ("K8s admission webhook changed",),
        "nodes": ("K8s node reached through the API server", "K8s pod on every node"),
        "certificates": ("K8s client certificate requested", "K8s certificate approved"),
        "secrets listed": ("K8s secrets read in bulk",),
        "events deleted": ("K8s events deleted",),
        "cron jobs": ("K8s job by the clock made",),
        "identities of the cloud": (
            "K8s service account given a role of the cloud",
            "K8s users of the cloud changed",
        ),
        "settings of the control plane": ("K8s settings of the control plane changed",),
    },
    "okta": {
        "factors": (
            "Okta second factor switched off for all",
            "Okta second factor of a user removed",
            "Okta push refused by its user",
        ),
        "policies": ("Okta policy switched off", "Okta policy for logins changed"),
        "admin roles": ("Okta administrator made",),
        "tokens": (
            "Okta token for programs made or removed",
            "Okta token used twice",
            "Okta token used from outside its networks",
        ),
        "impersonation and support": ("Okta support acts for you", "Okta support reset a user's credentials"),
        "sign-in anomalies": (
            "Okta threat suspected in a login that succeeded",
            "Okta login through a proxy that hides",
            "Okta console of administrators from somewhere new",
            "Okta account locked",
        ),
        "identity providers": ("Okta identity provider added or changed", "Okta organization linked to another"),
        "federation": (
            "Okta federation of a Microsoft domain changed",
            "Okta key or statement for an application changed",
        ),
        "devices": (
            "Okta demands on devices lowered",
            "Okta authority for certificates of devices added",
        ),
        "sessions": ("Okta session seems to be somebody else's",),
        "workflows": (
            "Okta workflow given a connection or brought in",
            "Okta record of workflows stopped or deleted",
        ),
        "privileged access": (
            "Okta rules of privileged access changed",
            "Okta stored secret or password shown",
        ),
        "agents of AIs": ("Okta agent of an AI given access",),
    },
    "github": {
        "branch protection": (
            "GitHub protection of a branch removed or overridden",
            "GitHub branch protection removed",
        ),
        "secret scanning off": ("GitHub scanning switched off",),
        "visibility": ("GitHub repository opened, moved or deleted",),
        "deploy keys": ("GitHub code reached with a key of no user", "GitHub deploy key that can write"),
        "OAuth and apps": ("GitHub application given access",),
        "runners": ("GitHub runner added", "GitHub job ran on a machine of your own"),
        "webhooks": ("GitHub hook changed",),
        "two factors": ("GitHub rules for logging in changed",),
        "transfers": ("GitHub repository opened, moved or deleted",),
        "bypasses": (
            "GitHub secret pushed past the protection",
            "GitHub protection of a branch removed or overridden",
        ),
        "logins of users": (
            "GitHub login from somewhere new",
            "GitHub second factor of a user removed or got around",
        ),
        "agents of AIs": ("GitHub agent that writes code given more freedom",),
        "traces and logs": (
            "GitHub traces of a workflow deleted",
            "GitHub audit log taken away",
        ),
        "organizations and enterprises": (
            "GitHub organization or enterprise joined, left or deleted",
            "GitHub members allowed more",
        ),
    },
}
