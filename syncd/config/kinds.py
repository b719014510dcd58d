"""The kinds of single values that a configuration holds, each with the words for what is expected."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    SecretStr,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from syncd.config.durations import parse_duration
from syncd.config.names import is_binding_name, is_field_name, is_select, parse_table_name, without_quoted
from syncd.config.redact import HINT, has_login, is_clear_database_url, is_clear_mongodb_uri, is_clear_web_address
from syncd.errors import ConfigError

EXPECTED = "expected"
"""The pydantic error type of every fault of ours; its context holds `what` and perhaps `hint`."""


class Unfit(ValueError):
    """A value that does not fit; `hint` says how to mend it and never repeats a secret."""

    def __init__(self, hint: str | None = None) -> None:
        super().__init__(hint or "")
        self.hint = hint


def unfit(what: str, hint: str | None = None) -> PydanticCustomError:
    """The pydantic error for a value that is not `what`."""
    # The texts travel in the context: as the template, a brace in them would be a placeholder.
    return PydanticCustomError(EXPECTED, "not as expected", {"what": what, "hint": hint})


@dataclass(frozen=True)
class Expect:
    """Annotates a type with how to make its value, and with the words for what is expected.

    `parse` takes whatever stands in the file (or the finished value) and raises `Unfit`.
    """

    what: str
    parse: Callable[[object], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """All the judgement is in `parse`: pydantic adds none of its own."""
        return core_schema.no_info_plain_validator_function(self._validate)

    def _validate(self, value: object) -> Any:
        try:
            return self.parse(value)
        except Unfit as error:
            raise unfit(self.what, error.hint) from None


T = TypeVar("T")


class Section(BaseModel):
    """A mapping with fixed keys: frozen, no unknown keys, no input in pydantic's own errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_means_defaults(cls, value: object) -> object:
        # `daemon:` with every key under it commented out is null in YAML.
        return {} if value is None else value


def nothing_is(empty: Callable[[], T]) -> BeforeValidator:
    """For lists and mappings: a key without a value is an empty one."""
    return BeforeValidator(lambda value: empty() if value is None else value)


_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_HOST = r"\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<host>[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)"
_ADDRESS = re.compile(rf"(?:{_HOST}):(?P<port>[0-9]{{1,5}})")
_DATABASE = re.compile(r"[a-z][a-z0-9_]*(\+[a-z0-9_]+)?://.*", re.DOTALL)
_MONGODB = re.compile(r"mongodb(\+srv)?://.+", re.DOTALL)
_WEB = re.compile(r"https?://[^\s/?#]+[^\s]*")
_APP = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")
_SIGNING_SECRET = re.compile(r".{16,}")
_S3 = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/(?P<prefix>.*))?", re.DOTALL)
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_BYTES = re.compile(r"(?P<number>[0-9]+([.][0-9]+)?) ?(?P<unit>[kKMGT]?i?B?)")
_UNITS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_MOST_BYTES = 2**63 - 1
_SCHEMA = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")


class HttpAddress(NamedTuple):
    """Where the daemon listens; port 0 means any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class S3Prefix(NamedTuple):
    """A bucket and the beginning that keys in it share; the prefix is empty or ends with a slash."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


def beside_the_configuration(path: Path | S3Prefix, info: ValidationInfo) -> Path | S3Prefix:
    """A relative path starts at the folder of the configuration, and ``~`` at the user's own."""
    if isinstance(path, S3Prefix):
        return path
    folder = info.context.get("folder") if isinstance(info.context, dict) else None
    path = path.expanduser()
    return folder / path if folder is not None else path


def plain_text(value: object) -> str:
    """Text of at least one character, without control characters. Raises Unfit."""
    if not isinstance(value, str) or not value:
        raise Unfit
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise Unfit("no line breaks or other control characters")
    return value


def _any_text(value: object) -> str:
    if isinstance(value, (bool, int, float)):
        raise Unfit("put it in quotes")
    return plain_text(value)


def _checked(test: Callable[[str], bool], hint: str | None) -> Callable[[object], str]:
    def parse(value: object) -> str:
        text = _any_text(value)
        if not test(text):
            raise Unfit(hint)
        return text

    return parse


def _bool(value: object) -> bool:
    if isinstance(value, str) and value.lower() in _TRUTH:
        return _TRUTH[value.lower()]
    if not isinstance(value, bool):
        raise Unfit
    return value


def _float(value: object) -> float:
    # Text, because that is what ${NAME} gives.
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise Unfit
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise Unfit from None
    if not math.isfinite(number) or number < 0:
        raise Unfit
    return number


def _fraction(value: object) -> float:
    number = _float(value)
    if number > 1:
        raise Unfit("20 % is 0.2")
    return number


def _count(value: object) -> int:
    number = _float(value)
    if number != int(number):
        raise Unfit
    return int(number)


def _positive_count(value: object) -> int:
    number = _count(value)
    if not number:
        raise Unfit
    return number


def _duration(value: object) -> timedelta:
    try:
        return parse_duration(value)
    except ValueError as error:
        raise Unfit(str(error)) from None


def _positive_duration(value: object) -> timedelta:
    duration = _duration(value)
    if not duration:
        raise Unfit("zero would never pause")
    return duration


def _path(value: object) -> Path:
    return value if isinstance(value, Path) else Path(plain_text(value))


def _s3(value: object) -> S3Prefix:
    if isinstance(value, S3Prefix):
        return value
    match = _S3.fullmatch(plain_text(value))
    if match is None:
        raise Unfit
    prefix = (match["prefix"] or "").strip("/")
    return S3Prefix(match["bucket"], prefix + "/" if prefix else "")


def _media_root(value: object) -> Path | S3Prefix:
    if isinstance(value, (Path, S3Prefix)):
        return value
    text = plain_text(value)
    if text.startswith("s3://"):
        return _s3(text)
    if "://" in text:
        raise Unfit("of remote places syncd reads s3:// only; mount others as a folder")
    return Path(text)


def _bytes(value: object) -> int:
    match = _BYTES.fullmatch(str(value)) if isinstance(value, (int, str)) and not isinstance(value, bool) else None
    if match is None:
        raise Unfit
    unit = match["unit"].rstrip("B")
    base = 1024 if unit.endswith("i") else 1000
    size = Decimal(match["number"]) * base ** _UNITS[unit.removesuffix("i").upper()]
    if size > _MOST_BYTES:
        raise Unfit("8EiB at most")
    return int(size)


def _http(value: object) -> HttpAddress:
    if isinstance(value, HttpAddress):
        return value
    match = _ADDRESS.fullmatch(plain_text(value))
    if match is None or int(match["port"]) > 65535:
        raise Unfit("the port is 0 to 65535, an IPv6 host stands in brackets: [::1]:9095")
    return HttpAddress(match["v6"] or match["host"], int(match["port"]))


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _secret(
    pattern: re.Pattern[str], is_clear: Callable[[str], bool] | None = None, *, hint: str | None = None
) -> Callable[[object], SecretStr]:
    def parse(value: object) -> SecretStr:
        text = value.get_secret_value() if isinstance(value, SecretStr) else plain_text(value)
        if text.startswith("postgres://"):
            raise Unfit("write postgresql:// instead of postgres://")
        if not pattern.fullmatch(text):
            raise Unfit(hint)
        if is_clear is not None and not is_clear(text):
            raise Unfit(HINT)
        return SecretStr(text)

    return parse


def _endpoint(value: object) -> str:
    text = _any_text(value)
    if not _WEB.fullmatch(text):
        raise Unfit
    if has_login(text) or not is_clear_web_address(text):
        raise Unfit("no user or password in it: keys come from s3.credentials_file or the environment")
    return text


def _table(value: object) -> str:
    text = plain_text(value)
    try:
        parse_table_name(text)
    except ValueError as error:
        raise Unfit(str(error)) from None
    return text


def _readable(value: object) -> str:
    if isinstance(value, str) and is_select(value):
        plain_text(re.sub(r"[\r\n\t]", " ", value))
        return value
    if isinstance(value, str) and " " in value.strip() and '"' not in value:
        raise Unfit("a query is one SELECT, without a semicolon; make anything else a view")
    return _table(value)


def _scalar(value: object) -> object:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, str):
        return plain_text(value) if value else value
    raise Unfit


def _json_path(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    if value == "":
        return ""
    path = _any_text(value)
    if not all(path.split(".")):
        raise Unfit("keys and numbers with single dots between them; empty: the whole document")
    return path


def _condition(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Unfit
    plain_text(re.sub(r"[\r\n\t]", " ", value))
    bare, depth = without_quoted(value), 0
    if ";" in bare or "--" in bare or "/*" in bare:
        raise Unfit("one condition, without semicolons and comments")
    for each in bare:
        depth += (each == "(") - (each == ")")
        if depth < 0:
            break
    if depth or re.match(r"\s*where\b", bare, re.IGNORECASE):
        raise Unfit("what stands behind WHERE, with every parenthesis closed")
    return value


_FIELD_HINT = "no dot, no $, no underscore in front"

Text = Annotated[str, Expect("text", _any_text)]
BindingName = Annotated[
    str, Expect("a name of letters, digits, _, - and .", _checked(is_binding_name, "no dash or dot in front"))
]
DatasetName = Annotated[
    str, Expect("the name of a FiftyOne dataset", _checked(lambda t: t.strip() == t, "no spaces around it"))
]
FieldName = Annotated[str, Expect("the name of a FiftyOne field", _checked(is_field_name, _FIELD_HINT))]
AttributeName = Annotated[str, Expect("the name of a label attribute", _checked(is_field_name, _FIELD_HINT))]
SampleKey = Annotated[
    str,
    Expect(
        "the name of a sample field",
        _checked(lambda t: t == "id" or all(map(is_field_name, t.split("."))), "no $, no underscore in front"),
    ),
]
ColumnName = Annotated[str, Expect("a column name", _any_text)]
TableText = Annotated[str, Expect("a table name", _table)]
ReadText = Annotated[str, Expect("a table name, a view name or a SELECT", _readable)]
Scalar = Annotated["str | int | float | bool | None", Expect("text, a number, true, false or null", _scalar)]
JsonPath = Annotated[str, Expect("a path into JSON, such as a.b.0", _json_path)]
Condition = Annotated[str, Expect("a condition in SQL", _condition)]
SchemaName = Annotated[
    str,
    Expect("a schema name of small letters, digits and _", _checked(lambda t: bool(_SCHEMA.fullmatch(t)), None)),
]
LabelText = Annotated[str, Expect("a label", _any_text)]
Tag = Annotated[str, Expect("a tag", _any_text)]
Flag = Annotated[bool, Expect("true or false", _bool)]
Fraction = Annotated[float, Expect("a number from 0 to 1", _fraction)]
Count = Annotated[int, Expect("a whole number, zero or more", _count)]
PositiveCount = Annotated[int, Expect("a whole number above zero", _positive_count)]
Tolerance = Annotated[float, Expect("a number, zero or more", _float)]
Duration = Annotated[timedelta, Expect("a duration such as 30s, 10m or 1h30m", _duration)]
PositiveDuration = Annotated[timedelta, Expect("a duration above zero, such as 30s, 10m or 1h30m", _positive_duration)]
FilePath = Annotated[Path, Expect("the path of a file", _path)]
FolderPath = Annotated[Path, Expect("the path of a folder", _path)]
MediaRoot = Annotated[Path | S3Prefix, Expect("a folder, or s3://bucket/prefix", _media_root)]
S3Address = Annotated[S3Prefix, Expect("s3://bucket/prefix", _s3)]


def s3_place(text: str, option: str) -> S3Prefix:
    """``s3://bucket/prefix``, or the bare name of a bucket; ``ConfigError`` names the option."""
    try:
        return TypeAdapter(S3Address).validate_python(text if "://" in text else f"s3://{text}")
    except ValidationError:
        raise ConfigError(f"{option} {text!r} is no place in S3.", remedy="Expected s3://bucket/prefix.") from None


ByteSize = Annotated[int, Expect("a size such as 500MB or 50GB", _bytes)]
RoleArn = Annotated[
    str,
    Expect(
        "the ARN of an IAM role", _checked(lambda t: bool(_ROLE.fullmatch(t)), "arn:aws:iam::123456789012:role/NAME")
    ),
]
EndpointUrl = Annotated[str, Expect("an endpoint, http:// or https://", _endpoint)]
AppUrl = Annotated[
    str, Expect("the App's address, such as http://localhost:5151", _checked(lambda t: bool(_APP.fullmatch(t)), None))
]
Http = Annotated[HttpAddress, Expect("host:port, such as 127.0.0.1:9095", _http)]
Network = Annotated[
    str, Expect("an IP address or a network, such as 10.0.0.5 or 10.0.0.0/24", _checked(_is_network, None))
]
HeaderName = Annotated[
    str,
    Expect("the name of an HTTP header", _checked(lambda t: bool(_HEADER.fullmatch(t)), "such as X-Forwarded-User")),
]
DatabaseUrl = Annotated[
    SecretStr,
    Expect(
        "a database URL, such as postgresql+psycopg2://user@host/name",
        _secret(_DATABASE, is_clear_database_url),
    ),
]
MongoUri = Annotated[
    SecretStr,
    Expect("a MongoDB URI, such as mongodb://localhost:27017", _secret(_MONGODB, is_clear_mongodb_uri)),
]
WebUrl = Annotated[SecretStr, Expect("a web address, http:// or https://", _secret(_WEB, is_clear_web_address))]
SigningSecret = Annotated[
    SecretStr, Expect("text of 16 characters or more", _secret(_SIGNING_SECRET, hint="openssl rand -hex 32 makes one"))
]
