"""Records of those who hide in an AWS account, look around and reach for its secrets and instances."""

from __future__ import annotations

from aws_records import REFUSED, ROLE, SERVICE, TERRAFORM, bucket, named, rds, record

#: For each rule records that fire it, and close ones that do not.
DEFENSE_EVASION = {
    "AWS audit trail weakened": (
        named("cloudtrail", "StopLogging UpdateTrail PutEventSelectors"),
        [record("cloudtrail", "StopLogging", errorCode="TrailNotFoundException"), record("cloudtrail", "StartLogging")],
    ),
    "AWS network logs removed": (
        [
            record("ec2", "DeleteFlowLogs"),
            record("route53resolver", "DeleteResolverQueryLogConfig"),
            record("route53", "DeleteQueryLoggingConfig"),
        ],
        [record("ec2", "CreateFlowLogs"), record("ec2", "DeleteFlowLogs", errorCode="Client.UnauthorizedOperation")],
    ),
    "AWS logs or alarms removed": (
        [record("logs", "DeleteLogGroup"), record("monitoring", "DeleteAlarms"), record("events", "DisableRule")],
        [record("logs", "CreateLogGroup"), record("monitoring", "PutMetricAlarm"), record("events", "EnableRule")],
    ),
    "AWS findings hidden": (
        [
            record("securityhub", "BatchUpdateFindings"),
            record("guardduty", "CreateFilter"),
            record("macie2", "DisableMacie"),
            record("inspector2", "Disable"),
            record("detective", "DeleteGraph"),
        ],
        [record("securityhub", "CreateInsight"), record("guardduty", "ListFindings")],
    ),
    "AWS configuration recorder changed": (
        named("config", "DeleteDeliveryChannel PutConfigurationRecorder DeleteConfigRule"),
        [
            record("config", "DeleteConfigRule", errorCode="NoSuchConfigRuleException"),
            *named("config", "PutConfigRule"),
        ],
    ),
    "AWS web firewall removed": (
        [record("wafv2", "DisassociateWebACL"), record("waf-regional", "UpdateIPSet"), record("waf", "DeleteRule")],
        [record("wafv2", "ListWebACLs"), record("wafv2", "AssociateWebACL")],
    ),
    "AWS model guardrail or log removed": (
        named("bedrock", "UpdateGuardrail DeleteGuardrail DeleteModelInvocationLoggingConfiguration"),
        named("bedrock", "ListGuardrails PutModelInvocationLoggingConfiguration"),
    ),
    "AWS bucket protection switched off": (
        [
            bucket("DeleteBucketEncryption"),
            bucket("PutBucketLogging", BucketLoggingStatus={"xmlns": "http://s3.amazonaws.com/doc/2006-03-01/"}),
            bucket("PutBucketVersioning", VersioningConfiguration={"Status": "Suspended"}),
            bucket("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled", "MfaDelete": "Disabled"}),
            bucket("PutBucketPublicAccessBlock", PublicAccessBlockConfiguration={"BlockPublicAcls": False}),
        ],
        [
            bucket("PutBucketEncryption"),
            bucket("PutBucketLogging", BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "logs"}}),
            bucket("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled", "MfaDelete": "Enabled"}),
            bucket("PutBucketPublicAccessBlock", PublicAccessBlockConfiguration={"BlockPublicAcls": True}),
        ],
    ),
    "AWS objects made to expire soon": (
        [bucket("PutBucketLifecycle", LifecycleConfiguration={"Rule": {"Expiration": {"Days": 1}}})],
        [
            bucket("PutBucketLifecycle", LifecycleConfiguration={"Rule": {"Expiration": {"Days": days}}})
            for days in (30, 70, 365)
        ],
    ),
    "AWS account leaves its organization": (
        [record("organizations", "LeaveOrganization", **REFUSED), record("organizations", "DetachPolicy")],
        named("organizations", "DescribeOrganization InviteAccountToOrganization"),
    ),
    "AWS region enabled": ([record("account", "EnableRegion")], [record("account", "DisableRegion")]),
    "AWS database log or protection switched off": (
        [rds("StopActivityStream"), rds("ModifyDBInstance", deletionProtection=False)],
        [rds("StartActivityStream"), rds("ModifyDBInstance", deletionProtection=True)],
    ),
    "AWS disk encryption by default switched off": (
        named("ec2", "DisableEbsEncryptionByDefault"),
        named("ec2", "EnableEbsEncryptionByDefault GetEbsEncryptionByDefault"),
    ),
}

CREDENTIAL_ACCESS = {
    "AWS secrets read in bulk": (
        named("secretsmanager", "BatchGetSecretValue"),
        named("secretsmanager", "ListSecrets DescribeSecret"),
    ),
    "AWS secret read by a person or from outside": (
        [record("secretsmanager", "GetSecretValue", {"secretId": "x"})],
        [
            record("secretsmanager", "GetSecretValue", userAgent="aws-sdk-go-v2/1.30 exec-env/AWS_Lambda_go1.x"),
            record("secretsmanager", "GetSecretValue", vpcEndpointId="vpce-1"),
            record("secretsmanager", "GetSecretValue", **SERVICE),
        ],
    ),
    "AWS parameters read with their secrets": (
        [
            record("ssm", "GetParameters", {"names": ["/a", "/b"], "withDecryption": True}),
            record("ssm", "GetParametersByPath", {"path": "/", "withDecryption": True}),
        ],
        [
            record("ssm", "GetParameters", {"names": ["/a"], "withDecryption": True}),
            record("ssm", "GetParameters", {"names": ["/a", "/b"], "withDecryption": False}),
        ],
    ),
    "AWS Windows password requested": (
        [record("ec2", "GetPasswordData", {"instanceId": "i-1"}, errorCode="Client.UnauthorizedOperation")],
        named("ec2", "GetConsoleOutput"),
    ),
    "AWS startup script of an instance read": (
        [record("ec2", "DescribeInstanceAttribute", {"attribute": "userData"})],
        [record("ec2", "DescribeInstanceAttribute", {"attribute": "instanceType"})],
    ),
    "AWS log of a database downloaded": (
        named("rds", "DownloadDBLogFilePortion DownloadCompleteDBLogFile"),
        named("rds", "DescribeDBLogFiles"),
    ),
}

DISCOVERY = {
    "AWS mail sending explored": (
        named("ses", "GetSendQuota ListIdentities GetAccountSendingEnabled"),
        [record("ses", "GetSendQuota", sourceIPAddress="trustedadvisor.amazonaws.com"), *named("ses", "SendEmail")],
    ),
    "AWS account details explored": (
        [record("billingconsole", "GetContactInformation"), record("iam", "GetAccountPasswordPolicy")],
        [record("iam", "GetUser"), record("iam", "GetAccountSummary", **SERVICE)],
    ),
    "AWS groups explored": (named("iam", "ListGroups GetGroup ListGroupPolicies"), named("iam", "ListUsers")),
    "AWS request refused for want of rights": (
        [record("iam", "GetRole", **REFUSED)],
        [record("iam", "GetRole"), record("iam", "GetRole", sourceIPAddress="sqs.amazonaws.com", **REFUSED)],
    ),
    "AWS snapshots of others searched": (
        [rds("DescribeDBSnapshots", includePublic=True), rds("DescribeDBClusterSnapshots", includeShared=True)],
        [rds("DescribeDBSnapshots")],
    ),
    "AWS security groups explored by a function": (
        [record("ec2", "DescribeSecurityGroups", userIdentity=ROLE, userAgent="aws-sdk-go exec-env/AWS_Lambda_go1.x")],
        [record("ec2", "DescribeSecurityGroups", userIdentity=ROLE, userAgent="Mozilla/5.0")],
    ),
}

LATERAL_MOVEMENT = {
    "AWS key sent to an instance": (
        named("ec2-instance-connect", "SendSSHPublicKey SendSerialConsoleSSHPublicKey", {"instanceId": "i-1"}),
        [record("ec2-instance-connect", "SendSSHPublicKey", **REFUSED)],
    ),
    "AWS serial console enabled": (
        named("ec2", "EnableSerialConsoleAccess"),
        named("ec2", "DisableSerialConsoleAccess GetSerialConsoleAccessStatus"),
    ),
    "AWS key pair imported or made": (
        named("ec2", "ImportKeyPair CreateKeyPair", {"keyName": "x"}),
        [record("ec2", "CreateKeyPair", **TERRAFORM), record("ec2", "DescribeKeyPairs")],
    ),
}
