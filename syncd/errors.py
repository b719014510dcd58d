"""Every error that syncd raises on purpose.

    SyncdError                  exit 1; a sentence for the user, never a traceback
    ├── ConfigError             exit 2; the configuration or the command line is wrong
    │   ├── UnknownFilter       what is filtered by names nothing
    │   └── NotForStore         a command about tables, where the annotations are in another store
    ├── ConnectionFailed        a server does not answer or refuses us
    │   ├── DatabaseUnavailable
    │   │   └── RightMissing    the SQL server denies a right to syncd's role
    │   └── FiftyOneUnavailable
    ├── MappingError            a dataset, field, table or column is not as the configuration says
    ├── StateError              syncd's own tables are missing, old or damaged
    ├── Busy                    another run of the same binding holds the lock
    ├── LockLost                the connection that held the lock is gone; nothing more is written
    ├── StalePlan               a saved plan no longer describes what is there
    └── SetupError              an embedded server or a demo file is not usable

Each message names the thing, what was expected, and (in ``remedy``) the next command to run.
"""

from __future__ import annotations


class SyncdError(Exception):
    """Something a person must mend; ``str()`` is the sentence, ``remedy`` the next step.

    ``exit_code`` is what the command line ends with ("Command line" in docs/design.md).
    """

    exit_code = 1

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


class ConfigError(SyncdError):
    """The configuration or the command line is wrong."""

    exit_code = 2


class UnknownFilter(ConfigError):
    """What is filtered by names nothing; ``option`` is the filter's name."""

    def __init__(self, option: str, given: str, *, remedy: str) -> None:
        super().__init__(f"{option} {given!r} names nothing that there is.", remedy=remedy)
        self.option = option


class NotForStore(ConfigError):
    """A command works on tables of the lab's database, and the binding's annotations are in another store."""


class ConnectionFailed(SyncdError):
    """A server does not answer or refuses us."""


class DatabaseUnavailable(ConnectionFailed):
    """The SQL server, or the store of the annotations, does not answer or refuses us."""


class RightMissing(DatabaseUnavailable):
    """The SQL server denies a right to syncd's role; the message names it where the catalogue does."""


class FiftyOneUnavailable(ConnectionFailed):
    """FiftyOne's MongoDB does not answer or refuses us."""


class MappingError(SyncdError):
    """A dataset, field, table or column is not as the configuration says."""


class StateError(SyncdError):
    """syncd's own tables are missing, old or damaged."""


class Busy(SyncdError):
    """Another run of the same binding holds the lock."""


class LockLost(SyncdError):
    """The connection that held the lock is gone; nothing more may be written."""


class StalePlan(SyncdError):
    """A saved plan no longer describes what is there."""


class SetupError(SyncdError):
    """An embedded server or a demo file is not usable."""
