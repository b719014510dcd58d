"""Lists the objects under a prefix, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from syncd.adapters.s3.errors import BOTO, LIST, Place, failure

SCHEMA = {"location": pl.String, "etag": pl.String, "size_bytes": pl.Int64}


def pages(client: Any, prefix: Place) -> Iterator[pl.DataFrame]:
    """The objects whose keys begin with the prefix, up to 1 000 a page: s3 URI, ETag without quotes, bytes.

    Folder markers (keys that end with a slash) are left out. SyncdError where the bucket is missing or may not be
    listed.
    """
    try:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=prefix.bucket, Prefix=prefix.key):
            found = [each for each in page.get("Contents", ()) if not each["Key"].endswith("/")]
            yield pl.DataFrame(
                {
                    "location": [f"s3://{prefix.bucket}/{each['Key']}" for each in found],
                    "etag": [each["ETag"].strip('"') for each in found],
                    "size_bytes": [each["Size"] for each in found],
                },
                schema=SCHEMA,
            )
    except BOTO as error:
        endpoint = client.meta.endpoint_url
        raise failure(error, f"Listing {prefix}", prefix_place(prefix), action=LIST, endpoint=endpoint) from error


def prefix_place(prefix: Place) -> Place:
    """The prefix as a place of many objects, also where it ends within a name."""
    return prefix if prefix.whole else Place(prefix.bucket, prefix.key[: prefix.key.rfind("/") + 1])
