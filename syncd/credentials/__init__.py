"""Least-privilege access to S3: the policy, time-limited keys for it, and who gets them."""
