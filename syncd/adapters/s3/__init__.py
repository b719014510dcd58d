"""S3 by boto3: what is there, and its bytes. It reads and writes; what for is decided in syncd.media."""
