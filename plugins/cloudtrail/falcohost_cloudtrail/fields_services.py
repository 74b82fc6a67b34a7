"""Fields of single services: S3, EC2, ECR and IAM (``s3.*``, ``ec2.*``, ``ecr.*``, ``iam.*``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from falcohost import ArgKind, Field, FieldType
from falcohost_cloudtrail import instances, transfers
from falcohost_cloudtrail.values import of_record, text


def _image(record: dict[str, Any]) -> str | None:
    images = instances.images(record, 0)
    return None if images is None else images[0]


def _one_if(wanted: Callable[[Any], bool]) -> Callable[[dict[str, Any]], int | None]:
    return lambda record: 1 if wanted(record.get("eventName")) else None


S3: tuple[Field, ...] = (
    text("s3.bucket", "requestParameters.bucketName", "Bucket."),
    text("s3.key", "requestParameters.key", "Key of the object."),
    of_record("s3.uri", FieldType.CHARBUF, "Object, as s3://bucket/key.", transfers.uri, reads=transfers.URI_READS),
    of_record(
        "s3.bytes",
        FieldType.UINT64,
        "Bytes that were sent to S3 and received from it.",
        transfers.bytes_both,
        reads=(*transfers.IN_READS, *transfers.OUT_READS),
    ),
    of_record(
        "s3.bytes.in", FieldType.UINT64, "Bytes that were sent to S3.", transfers.bytes_in, reads=transfers.IN_READS
    ),
    of_record(
        "s3.bytes.out",
        FieldType.UINT64,
        "Bytes that were received from S3.",
        transfers.bytes_out,
        reads=transfers.OUT_READS,
    ),
    of_record(
        "s3.cnt.get",
        FieldType.UINT64,
        "1 for GetObject; absent otherwise.",
        _one_if(lambda name: bool(name == "GetObject")),
        reads=("eventName",),
    ),
    of_record(
        "s3.cnt.put",
        FieldType.UINT64,
        "1 for PutObject; absent otherwise.",
        _one_if(lambda name: bool(name == "PutObject")),
        reads=("eventName",),
    ),
    of_record(
        "s3.cnt.other",
        FieldType.UINT64,
        "1 for all requests except GetObject and PutObject, of any service; absent for those.",
        _one_if(lambda name: name not in ("GetObject", "PutObject")),
        reads=("eventName",),
    ),
)

EC2: tuple[Field, ...] = (
    of_record(
        "ec2.name",
        FieldType.CHARBUF,
        "Tag Name that the request gives to instances.",
        instances.name,
        reads=instances.NAME_READS,
    ),
    Field(
        name="ec2.imageids",
        type=FieldType.CHARBUF,
        description="Images of the instances, or with an index, from 0, the image of one of them.",
        get=lambda event, index: instances.images(event.record, index if isinstance(index, int) else None),
        reads=instances.IMAGE_READS,
        arg=ArgKind.INDEX,
        is_list=True,
    ),
    Field(
        name="ec2.imageid",
        type=FieldType.CHARBUF,
        description="Image of the first instance; replaced by ec2.imageids[0].",
        get=lambda event, _: _image(event.record),
        reads=instances.IMAGE_READS,
        deprecated=True,
    ),
)

OTHERS: tuple[Field, ...] = (
    text("ecr.repository", "requestParameters.repositoryName", "Image repository in the request."),
    text("ecr.imagetag", "requestParameters.imageTag", "Tag of the image in the request."),
    text("iam.role", "requestParameters.roleName", "Role in the request."),
    text("iam.policy", "requestParameters.policyName", "Policy in the request."),
)

FIELDS: tuple[Field, ...] = (*S3, *EC2, *OTHERS)
