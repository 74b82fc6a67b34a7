"""The event source ``aws_cloudtrail``: what was done in AWS accounts, as CloudTrail records it."""
