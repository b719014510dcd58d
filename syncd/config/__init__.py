"""The configuration: one YAML file, checked as a whole."""

from syncd.config.binding import (
    AttributeConfig,
    BindingConfig,
    BrakesConfig,
    ColumnsConfig,
    Direction,
    DirectionsConfig,
    IngestConfig,
    MarksConfig,
    PolicyConfig,
    PredictionConfig,
    ReplaceTag,
    ReviewConfig,
    Vocabulary,
    VocabularyClasses,
    VocabularyFile,
    VocabularyTable,
)
from syncd.config.durations import format_duration, parse_duration
from syncd.config.embedding import BindingEmbeddingConfig, EmbeddingConfig, EmbeddingModelConfig
from syncd.config.faults import Fault, InvalidConfig
from syncd.config.kinds import HttpAddress, S3Prefix
from syncd.config.load import find_config, load_config, load_config_text, load_config_with_files, parse_config
from syncd.config.names import TableName, parse_table_name
from syncd.config.redact import redact_url
from syncd.config.schema import (
    AppConfig,
    Config,
    CredentialsConfig,
    DaemonConfig,
    DatabaseConfig,
    FiftyOneConfig,
    NotifyConfig,
    ReportConfig,
    S3Config,
    StateConfig,
)
from syncd.config.starter import configuration_of, starter_config, write_configuration

__all__ = [
    "AppConfig",
    "AttributeConfig",
    "BindingConfig",
    "BindingEmbeddingConfig",
    "BrakesConfig",
    "ColumnsConfig",
    "Config",
    "CredentialsConfig",
    "DaemonConfig",
    "DatabaseConfig",
    "Direction",
    "DirectionsConfig",
    "EmbeddingConfig",
    "EmbeddingModelConfig",
    "Fault",
    "FiftyOneConfig",
    "HttpAddress",
    "IngestConfig",
    "InvalidConfig",
    "MarksConfig",
    "NotifyConfig",
    "PolicyConfig",
    "PredictionConfig",
    "ReplaceTag",
    "ReportConfig",
    "ReviewConfig",
    "S3Config",
    "S3Prefix",
    "StateConfig",
    "TableName",
    "Vocabulary",
    "VocabularyClasses",
    "VocabularyFile",
    "VocabularyTable",
    "configuration_of",
    "find_config",
    "format_duration",
    "load_config",
    "load_config_text",
    "load_config_with_files",
    "parse_config",
    "parse_duration",
    "parse_table_name",
    "redact_url",
    "starter_config",
    "write_configuration",
]
