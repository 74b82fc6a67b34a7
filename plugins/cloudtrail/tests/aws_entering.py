"""Records of those who enter an AWS account, stay in it and get more rights."""

from __future__ import annotations

from aws_records import (
    EVERYBODY,
    INSTANCE,
    OTHERS,
    REFUSED,
    ROLE,
    ROOT,
    SERVICE,
    SERVICES,
    TERRAFORM,
    login,
    named,
    record,
)

#: For each rule records that fire it, and close ones that do not.
INITIAL_ACCESS = {
    "AWS console login without a second factor": (
        [login("Success", "No"), login("Success", "No", ROOT)],
        [
            login("Success", "Yes"),
            login("Failure", "No"),
            login("Success", "No", SamlProviderArn="arn:aws:iam::123456789012:saml-provider/okta"),
            login("Success", "No", ROLE),
        ],
    ),
    "AWS console login of an IAM user": (
        [login("Success", "Yes")],
        [login("Success", "Yes", ROLE), login("Failure", "Yes")],
    ),
    "AWS console login of the root user": (
        [login("Success", "Yes", ROOT)],
        [login("Failure", "Yes", ROOT), login("Success", "Yes")],
    ),
    "AWS console login failed": ([login("Failure", "No"), login("Failure", "Yes", ROOT)], [login("Success", "Yes")]),
    "AWS session granted to a device": (
        [record("sso", "CreateToken", {"grantType": "urn:ietf:params:oauth:grant-type:device_code"})],
        [record("sso", "CreateToken", {"grantType": "refresh_token"})],
    ),
    "AWS root user acted": (
        [record("s3", "CreateBucket", {"bucketName": "x"}, userIdentity=ROOT, readOnly=False)],
        [
            record("s3", "ListBuckets", userIdentity=ROOT, readOnly=True),
            record("iam", "CreateServiceLinkedRole", userIdentity=ROOT, readOnly=False),
            record("s3", "CreateBucket", {"bucketName": "x"}, readOnly=False),
        ],
    ),
}

EXECUTION = {
    "AWS commands sent to instances": (
        [record("ssm", "SendCommand", {"documentName": "AWS-RunShellScript", "instanceIds": ["i-1"]})],
        [record("ssm", "SendCommand", **REFUSED), record("ssm", "SendCommand", **SERVICE)],
    ),
    "AWS shell on an instance": (
        named("ssm", "StartSession ResumeSession", {"target": "i-0abcdef1234567890"}),
        [record("ssm", "StartSession", **REFUSED), record("ssm", "TerminateSession")],
    ),
    "AWS startup script of an instance changed": (
        [record("ec2", "ModifyInstanceAttribute", {"instanceId": "i-1", "userData": "<sensitiveDataRemoved>"})],
        [record("ec2", "ModifyInstanceAttribute", {"instanceId": "i-1", "instanceType": {"value": "t3.nano"}})],
    ),
    "AWS function's code changed by a user": (
        [record("lambda", "UpdateFunctionCode20150331v2", {"functionName": "pay"})],
        [record("lambda", "UpdateFunctionCode20150331v2", {"functionName": "pay"}, userIdentity=ROLE)],
    ),
    "AWS function given a layer by a user": (
        [record("lambda", "UpdateFunctionConfiguration20150331v2", responseElements={"layers": [{"arn": "x"}]})],
        [
            record("lambda", "UpdateFunctionConfiguration20150331v2", responseElements={}),
            record(
                "lambda",
                "UpdateFunctionConfiguration20150331v2",
                responseElements={"layers": [{"arn": "x"}]},
                userIdentity=ROLE,
            ),
        ],
    ),
    "AWS instance with unusual power started": (
        [
            record("ec2", "RunInstances", {"instanceType": "p4d.24xlarge"}),
            record("ec2", "RunInstances", {"instanceType": {"value": "g5.xlarge"}}, **REFUSED),
        ],
        [record("ec2", "RunInstances", {"instanceType": "t3.nano"}), record("ec2", "StartInstances")],
    ),
    "AWS instances started by an unknown hand": (
        [record("ec2", "RunInstances", {"instanceType": "t3.nano"})],
        [
            record("ec2", "RunInstances", {"instanceType": "t3.nano"}, **SERVICE),
            record("ec2", "RunInstances", {"instanceType": "t3.nano"}, **TERRAFORM),
        ],
    ),
}

PERSISTENCE = {
    "AWS user created": (
        [record("iam", "CreateUser", {"userName": "svc-backup"})],
        [record("iam", "CreateUser", {"userName": "svc-backup"}, **REFUSED), record("iam", "GetUser")],
    ),
    "AWS console password set for another user": (
        named("iam", "CreateLoginProfile UpdateLoginProfile", {"userName": "bob", "passwordResetRequired": False}),
        [
            record("iam", "UpdateLoginProfile", {"userName": "alice", "passwordResetRequired": False}),
            record("iam", "UpdateLoginProfile", {"userName": "bob", "passwordResetRequired": True}),
        ],
    ),
    "AWS role can be assumed by others": (
        [
            record("iam", "UpdateAssumeRolePolicy", {"roleName": "admin", "policyDocument": OTHERS}),
            record("iam", "CreateRole", {"roleName": "x", "assumeRolePolicyDocument": EVERYBODY}),
        ],
        [
            record("iam", "UpdateAssumeRolePolicy", {"roleName": "admin", "policyDocument": SERVICES}),
            record("iam", "UpdateAssumeRolePolicy", {}),
        ],
    ),
    "AWS identity provider changed": (
        named("iam", "CreateSAMLProvider UpdateSAMLProvider CreateOpenIDConnectProvider"),
        named("iam", "ListSAMLProviders GetOpenIDConnectProvider"),
    ),
    "AWS trust anchor created": (
        named("rolesanywhere", "CreateTrustAnchor CreateProfile"),
        named("rolesanywhere", "ListTrustAnchors DeleteTrustAnchor"),
    ),
    "AWS federation token requested": (
        [record("sts", "GetFederationToken", {"name": "x"}), record("signin", "GetSigninToken")],
        [record("sts", "AssumeRole"), record("sts", "GetFederationToken", **REFUSED)],
    ),
    "AWS session token requested by a user": (
        [record("sts", "GetSessionToken")],
        [
            record("sts", "GetSessionToken", userIdentity=ROLE),
            record("sts", "GetSessionToken", {"serialNumber": "arn:aws:iam::123456789012:mfa/alice"}),
        ],
    ),
    "AWS function may be called by others": (
        [
            record("lambda", "AddPermission20150331v2", {"functionName": "pay", "principal": "*"}),
            record("lambda", "CreateFunctionUrlConfig", {"functionName": "pay", "authType": "NONE"}),
        ],
        [
            record("lambda", "RemovePermission20150331v2"),
            record("lambda", "CreateFunctionUrlConfig", {"authType": "AWS_IAM"}),
        ],
    ),
    "AWS credentials of a user changed": (
        [record("iam", "ChangePassword"), record("iam", "CreateAccessKey", {"userName": "alice"})],
        [record("iam", "ListAccessKeys"), record("iam", "ChangePassword", errorCode="PasswordPolicyViolation")],
    ),
    "AWS second factor removed": (
        named("iam", "DeactivateMFADevice DeleteVirtualMFADevice", {"serialNumber": "arn:aws:iam::123456789012:mfa/a"}),
        named("iam", "CreateVirtualMFADevice EnableMFADevice"),
    ),
}

PRIVILEGE_ESCALATION = {
    "AWS policy changed": (
        named("iam", "DeleteGroupPolicy PutUserPolicy CreatePolicyVersion AddUserToGroup UpdateAccountPasswordPolicy"),
        [record("iam", "DeleteGroupPolicy", errorCode="NoSuchEntity"), record("iam", "GetPolicy")],
    ),
    "AWS database given a role": (
        named("rds", "AddRoleToDBCluster AddRoleToDBInstance"),
        named("rds", "RemoveRoleFromDBInstance"),
    ),
    "AWS instance given a role": (
        named("ec2", "AssociateIamInstanceProfile ReplaceIamInstanceProfileAssociation"),
        named("ec2", "DisassociateIamInstanceProfile"),
    ),
    "AWS credentials of an instance used elsewhere": (
        [record("ec2", "DescribeInstances", userIdentity=INSTANCE)],
        [
            record("ec2", "DescribeInstances", userIdentity=INSTANCE, sourceIPAddress="10.0.1.50"),
            record("ssm", "UpdateInstanceInformation", userIdentity=INSTANCE, userAgent="amazon-ssm-agent/3.2.0"),
            record("ec2", "DescribeInstances", userIdentity=ROLE),
        ],
    ),
}
