"""S3 by boto3: lists, reads and writes objects. :mod:`syncd.media` decides what for."""
