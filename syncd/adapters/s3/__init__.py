"""S3 by boto3: lists, reads and writes objects. :mod:`syncd.ingest.media` decides what for."""
