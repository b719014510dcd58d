"""Uploads a file as an object: never over another object, and compared afterwards with what S3 holds.

A file of more than one part is sent in parts of `PART`; the checksum and ETag of such an object are made of those of
its parts. An interrupted transfer begins anew; its parts are given back where S3 can still be told.
"""

from __future__ import annotations

import base64
import hashlib
import mimetypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import structlog
from botocore.exceptions import ClientError

from syncd.adapters.s3.errors import BOTO, GET, AccessDenied, ObjectFault, Place, code_of, failure, said
from syncd.adapters.s3.objects import Stopped
from syncd.errors import SyncdError

log = structlog.get_logger(__name__)

PART = 8 * 1024 * 1024
"""Bytes. S3 takes parts of 5 MiB or more, and 10 000 of them; a file too large for that is sent in larger ones."""

MOST_PARTS = 10_000
PUT = "s3:PutObject"
SHA256 = "SHA256"
THERE = frozenset(("PreconditionFailed", "ConditionalRequestConflict", "412", "409"))
UNCONDITIONAL = frozenset(("NotImplemented", "501"))
"""How a server answers that does not know `If-None-Match` on a write."""


@dataclass(frozen=True)
class Fingerprint:
    """Size in bytes, ETag without quotes, and SHA-256 in base64, of a file as S3 would have them, or of an object.

    An object that was made without a checksum has none. Of an object in parts both are those of its parts', and end
    with their number.
    """

    size_bytes: int
    etag: str
    sha256: str | None

    def proves(self, found: Fingerprint) -> bool:
        """Whether the object found is the file: by size and SHA-256, or by ETag where S3 has no checksum of it."""
        if self.size_bytes != found.size_bytes:
            return False
        if self.etag == found.etag:
            return True
        # Some servers leave out the number of parts.
        return found.sha256 is not None and self.sha256 in (found.sha256, f"{found.sha256}-{self.etag[33:]}")


class OtherContent(ObjectFault):
    """Another object has the key already."""


def fingerprint(path: Path, stopped: Callable[[], bool]) -> Fingerprint:
    """What S3 will say of the file once it is there. OSError where it cannot be read; `Stopped` when told so."""
    with path.open("rb") as file:
        return _of_parts(_digest(part) for part in _parts(file, path.stat().st_size, stopped))


def stored(client: Any, place: Place) -> Fingerprint | None:
    """The object's fingerprint; ``None`` where there is none."""
    try:
        answer = client.head_object(Bucket=place.bucket, Key=place.key, ChecksumMode="ENABLED")
    except BOTO as error:
        if isinstance(error, ClientError) and code_of(error) in ("404", "NoSuchKey", "NotFound"):
            return None
        raise _failed(client, error, place, GET) from error
    return Fingerprint(answer["ContentLength"], answer["ETag"].strip('"'), answer.get("ChecksumSHA256"))


def upload(client: Any, path: Path, place: Place, stopped: Callable[[], bool]) -> Fingerprint:
    """Sends the file, unless something has the key, and returns what S3 then holds, which is the file.

    OtherContent where the key has something else, ObjectFault where what arrived is not what was sent; SyncdError
    where S3 takes nothing at all; OSError where the file cannot be read.
    """
    try:
        sent = _send(client, path, place, stopped)
    except BOTO as error:
        if not isinstance(error, ClientError) or code_of(error) not in THERE:
            raise _failed(client, error, place, PUT) from error
        sent = fingerprint(path, stopped)
        found = stored(client, place)
        if found is None:
            raise ObjectFault(f"{place} was being written by somebody else.") from error
        if not sent.proves(found):
            raise other_content(place) from error
        return found
    found = stored(client, place)
    if found is None or not sent.proves(found):
        raise ObjectFault(f"{place} is not what was sent, by its size and checksum.")
    return found


def other_content(place: Place) -> OtherContent:
    """The error of a key that is taken."""
    return OtherContent(f"{place} is there already, with other content; it is left as it is.")


def _send(client: Any, path: Path, place: Place, stopped: Callable[[], bool]) -> Fingerprint:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    with path.open("rb") as file:
        size = path.stat().st_size
        if size > PART:
            return _send_parts(client, file, size, place, kind, stopped)
        (content,) = _parts(file, size, stopped)
    digest = _digest(content)
    given = {"ContentType": kind, "ChecksumAlgorithm": SHA256, "ChecksumSHA256": digest.checksum}
    _unless_there(client.put_object, Bucket=place.bucket, Key=place.key, Body=content, **given)
    return _of_parts([digest])


def _send_parts(
    client: Any, file: BinaryIO, size: int, place: Place, kind: str, stopped: Callable[[], bool]
) -> Fingerprint:
    target = {"Bucket": place.bucket, "Key": place.key}
    upload_id = client.create_multipart_upload(ContentType=kind, ChecksumAlgorithm=SHA256, **target)["UploadId"]
    target["UploadId"] = upload_id
    try:
        digests, parts = [], []
        for number, content in enumerate(_parts(file, size, stopped), start=1):
            digest = _digest(content)
            checksum = {"ChecksumAlgorithm": SHA256, "ChecksumSHA256": digest.checksum}
            answer = client.upload_part(PartNumber=number, Body=content, **target, **checksum)
            digests.append(digest)
            parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": digest.checksum})
        _unless_there(client.complete_multipart_upload, MultipartUpload={"Parts": parts}, **target)
    except BaseException:
        _give_back(client, target, place)
        raise
    return _of_parts(digests)


def _give_back(client: Any, target: dict[str, str], place: Place) -> None:
    """Has S3 forget the parts. What ended the upload matters more than whether it does."""
    try:
        client.abort_multipart_upload(**target)
    except BOTO as error:
        log.warning("s3.upload.not_aborted", object=str(place), reason=said(error))


def _unless_there(write: Callable[..., Any], **given: Any) -> None:
    try:
        write(IfNoneMatch="*", **given)
    except ClientError as error:
        if code_of(error) not in UNCONDITIONAL:
            raise
        write(**given)


@dataclass(frozen=True)
class _Digest:
    size: int
    md5: bytes
    sha256: bytes

    @property
    def checksum(self) -> str:
        return base64.b64encode(self.sha256).decode()


def _digest(content: bytes) -> _Digest:
    return _Digest(len(content), hashlib.md5(content, usedforsecurity=False).digest(), hashlib.sha256(content).digest())


def _of_parts(parts: Iterator[_Digest] | list[_Digest]) -> Fingerprint:
    digests = list(parts)
    size = sum(each.size for each in digests)
    if len(digests) == 1:
        return Fingerprint(size, digests[0].md5.hex(), digests[0].checksum)
    md5 = hashlib.md5(b"".join(each.md5 for each in digests), usedforsecurity=False).hexdigest()
    sha256 = hashlib.sha256(b"".join(each.sha256 for each in digests)).digest()
    number = len(digests)
    return Fingerprint(size, f"{md5}-{number}", f"{base64.b64encode(sha256).decode()}-{number}")


def _parts(file: BinaryIO, size: int, stopped: Callable[[], bool]) -> Iterator[bytes]:
    """The file's content in parts as S3 gets them; an empty file is one empty part."""
    length = max(PART, -(-size // MOST_PARTS))
    first = True
    while (content := file.read(length)) or first:
        if stopped():
            raise Stopped
        first = False
        yield content


def _failed(client: Any, error: Exception, place: Place, action: str) -> SyncdError:
    """What S3 refused: of a whole upload the permission that is missing, and of one object what is wrong with it."""
    if isinstance(error, ClientError) and code_of(error) in (
        "BadDigest",
        "InvalidDigest",
        "XAmzContentChecksumMismatch",
    ):
        return ObjectFault(f"{place} arrived with another checksum than it was sent with.")
    folder = Place(place.bucket, place.key[: place.key.rfind("/") + 1])
    found = failure(error, f"Uploading to {folder}", folder, action=action, endpoint=client.meta.endpoint_url)
    if isinstance(found, AccessDenied):
        return AccessDenied(
            found.message, remedy="Print the policy with `syncd credentials policy --write`, and have it granted."
        )
    return found
