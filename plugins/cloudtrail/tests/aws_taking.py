"""Records of those who take data out of an AWS account, destroy it or open its networks."""

from __future__ import annotations

from aws_records import CONDITIONED, EVERYBODY, OTHERS, REFUSED, ROLE, SERVICE, TERRAFORM, bucket, named, rds, record

#: For each rule records that fire it, and close ones that do not.
EXFILTRATION = {
    "AWS disk or database shared with another account": (
        [
            record(
                "ec2",
                "ModifySnapshotAttribute",
                {"createVolumePermission": {"add": {"items": [{"userId": "210987654321"}]}}},
            ),
            record(
                "ec2", "ModifyImageAttribute", {"launchPermission": {"add": {"items": [{"userId": "210987654321"}]}}}
            ),
            rds("ModifyDBSnapshotAttribute", attributeName="restore", valuesToAdd=["210987654321"]),
        ],
        [
            record(
                "ec2",
                "ModifySnapshotAttribute",
                {"createVolumePermission": {"remove": {"items": [{"userId": "210987654321"}]}}},
            ),
            rds("ModifyDBSnapshotAttribute", attributeName="restore", valuesToAdd=[]),
        ],
    ),
    "AWS database's snapshot exported or copied away": (
        [rds("StartExportTask"), rds("CopyDBSnapshot", sourceRegion="us-east-1")],
        [rds("CopyDBSnapshot"), rds("CopyDBSnapshot", sourceRegion="eu-central-1")],
    ),
    "AWS database's snapshot made by hand": (
        [record("rds", "CreateDBSnapshot", responseElements={"snapshotType": "manual"})],
        [record("rds", "CreateDBSnapshot", responseElements={"snapshotType": "automated"})],
    ),
    "AWS database restored in the open": (
        [
            rds("RestoreDBInstanceFromDBSnapshot", publiclyAccessible=True),
            rds("ModifyDBCluster", publiclyAccessible=True),
        ],
        [rds("RestoreDBInstanceFromDBSnapshot", publiclyAccessible=False), rds("ModifyDBInstance")],
    ),
    "AWS traffic mirrored": (
        named("ec2", "CreateTrafficMirrorSession CreateTrafficMirrorTarget"),
        named("ec2", "DescribeTrafficMirrorSessions"),
    ),
    "AWS resource opened to everybody": (
        [
            bucket("PutBucketPolicy", bucketPolicy={"Statement": [{"Effect": "Allow", "Principal": "*"}]}),
            bucket("PutBucketPolicy", bucketPolicy={"Statement": [{"Principal": {"AWS": "*"}, "Effect": "Allow"}]}),
            record("kms", "PutKeyPolicy", {"policy": EVERYBODY}),
            record("ecr", "SetRepositoryPolicy", {"policyText": '{\n  "Statement" : [ {\n "Principal" : "*"\n } ]\n}'}),
        ],
        [
            record("kms", "PutKeyPolicy", {"policy": CONDITIONED}),
            record("kms", "PutKeyPolicy", {"policy": OTHERS}),
            bucket("PutBucketPolicy", bucketPolicy={"Statement": [{"Effect": "Allow", "Principal": {"AWS": "1"}}]}),
        ],
    ),
    "AWS bucket opened by its access list": (
        [
            bucket("PutBucketAcl", AccessControlPolicy={"URI": "http://acs.amazonaws.com/groups/global/AllUsers"}),
            bucket("CreateBucket", **{"x-amz-acl": "public-read"}),
        ],
        [bucket("PutBucketAcl", AccessControlPolicy={"ID": "abc"}), bucket("CreateBucket")],
    ),
    "AWS build project made public": (
        [record("codebuild", "UpdateProjectVisibility", {"projectVisibility": "PUBLIC_READ"})],
        [record("codebuild", "UpdateProjectVisibility", {"projectVisibility": "PRIVATE"})],
    ),
    "AWS bucket copied elsewhere by a rule": (
        [
            bucket(
                "PutBucketReplication", ReplicationConfiguration={"Rule": {"Destination": {"Account": "210987654321"}}}
            )
        ],
        [bucket("PutBucketReplication", ReplicationConfiguration={"Rule": {"Destination": {"Bucket": "x"}}})],
    ),
}

_KMS = "x-amz-server-side-encryption-aws-kms-key-id"

IMPACT = {
    "AWS objects encrypted with another account's key": (
        [bucket("CopyObject", **{_KMS: "arn:aws:kms:eu-central-1:210987654321:key/1"})],
        [bucket("CopyObject", **{_KMS: "arn:aws:kms:eu-central-1:123456789012:key/1"}), bucket("CopyObject")],
    ),
    "AWS key disabled or deleted": (
        named("kms", "DisableKey ScheduleKeyDeletion", {"keyId": "1"}),
        [record("kms", "DisableKey", errorCode="NotFoundException"), record("kms", "EnableKey")],
    ),
    "AWS bucket or its objects deleted": (
        named("s3", "DeleteBucket DeleteObjects DeleteObject", {"bucketName": "x", "key": "y"}),
        [record("s3", "DeleteObject", errorCode="AccessDenied"), record("s3", "DeleteObject", **SERVICE)],
    ),
    "AWS database or its backups deleted": (
        named("rds", "DeleteDBInstance DeleteDBClusterSnapshot DeleteDBInstanceAutomatedBackup"),
        [record("rds", "DeleteDBInstance", **REFUSED), record("rds", "CreateDBSnapshot")],
    ),
    "AWS database's password changed": (
        [rds("ModifyDBInstance", masterUserPassword="****")],
        [rds("ModifyDBInstance", allocatedStorage=20)],
    ),
    "AWS database interrupted": (
        named("rds", "FailoverDBCluster RebootDBInstance StopDBCluster"),
        named("rds", "StartDBInstance"),
    ),
    "AWS instances stopped or terminated": (
        named("ec2", "StopInstances TerminateInstances"),
        [record("ec2", "TerminateInstances", **SERVICE), record("ec2", "StopInstances", **REFUSED)],
    ),
    "AWS function removed by a user": (
        named("lambda", "DeleteFunction20150331 CreateFunction20150331"),
        [record("lambda", "DeleteFunction20150331", userIdentity=ROLE), record("lambda", "GetFunction20150331v2")],
    ),
    "AWS disks' snapshots deleted": (
        [record("ec2", "DeleteSnapshot"), record("backup", "DeleteRecoveryPoint"), record("dynamodb", "DeleteTable")],
        [record("ec2", "DeleteSnapshot", **TERRAFORM), record("ec2", "CreateSnapshot")],
    ),
}

NETWORK = {
    "AWS firewall opened by hand": (
        named("ec2", "AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress", {"groupId": "sg-1"}),
        [record("ec2", "AuthorizeSecurityGroupIngress", **TERRAFORM), record("ec2", "DescribeSecurityGroups")],
    ),
    "AWS security group changed by hand": (
        named("ec2", "CreateSecurityGroup RevokeSecurityGroupIngress"),
        [record("ec2", "CreateSecurityGroup", **TERRAFORM)],
    ),
    "AWS network ACL changed": (
        [record("ec2", "CreateNetworkAclEntry", {"cidrBlock": "0.0.0.0/0"}), record("ec2", "DeleteNetworkAclEntry")],
        [record("ec2", "CreateNetworkAclEntry", {"cidrBlock": "192.0.2.1/32"})],
    ),
    "AWS gateway, route or network changed": (
        named("ec2", "AttachInternetGateway CreateRoute CreateVpcPeeringConnection"),
        [record("ec2", "DescribeRouteTables"), record("ec2", "CreateRoute", errorCode="Blocked")],
    ),
    "AWS image pushed or deleted by a user": (
        named("ecr", "PutImage BatchDeleteImage"),
        [record("ecr", "PutImage", userIdentity=ROLE), record("ecr", "BatchGetImage")],
    ),
    "AWS name or certificate handed over": (
        [record("route53domains", "DisableDomainTransferLock"), record("route53", "CreateHostedZone")],
        [record("route53", "ListHostedZones")],
    ),
}
