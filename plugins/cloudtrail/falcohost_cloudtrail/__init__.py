"""The event source ``aws_cloudtrail``: activity in AWS accounts, as recorded by CloudTrail."""
