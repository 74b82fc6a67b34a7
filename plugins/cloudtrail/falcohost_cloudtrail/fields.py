"""All fields of the source ``aws_cloudtrail``, in the order in which they are listed."""

from __future__ import annotations

from falcohost import Field
from falcohost.jsonlog import JSON_FIELDS
from falcohost_cloudtrail import fields_record, fields_request, fields_services

FIELDS: tuple[Field, ...] = (*fields_record.FIELDS, *fields_request.FIELDS, *fields_services.FIELDS, *JSON_FIELDS)
