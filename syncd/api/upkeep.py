"""What keeps a binding running: its diagnosis, its rights in the database, and the capture of changes.

The methods are those of :class:`syncd.api.binding.Binding`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.api import installation
from syncd.api.calls import Calls
from syncd.api.installation import Grants
from syncd.errors import ConfigError
from syncd.model import Json

if TYPE_CHECKING:
    from syncd.doctor.diagnosis import Diagnosis
    from syncd.store.capture_install import Script


@dataclass(frozen=True)
class CaptureScript:
    """What was done to a table (with ``dry_run``: what would be), as SQL; nothing where it is as wanted already.

    ``others`` are the other bindings of the table, ``notes`` sentences on what is not captured.
    """

    binding: str
    dry_run: bool
    script: Script
    others: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def statements(self) -> tuple[str, ...]:
        """The statements, in order."""
        return self.script.statements

    @property
    def table(self) -> str:
        """The table, as the database names it."""
        return self.script.target.identity

    def as_json(self) -> dict[str, Json]:
        """The document of the command."""
        return {"binding": self.binding, "dry_run": self.dry_run, **self.script.as_json()}


class Upkeep(Calls):
    """Methods of a binding for whoever runs it."""

    def doctor(self) -> Diagnosis:
        """Checks the servers and what this binding maps; writes nothing."""
        with self._call():
            return installation.diagnose(self._config, [self.name])

    def grants(self, *, role: str | None = None) -> Grants:
        """The least rights that this binding needs in the database, as SQL; see :func:`installation.grants`."""
        with self._call():
            return installation.grants(self._config, [self.name], role=role)

    def install_capture(self, *, dry_run: bool = False) -> CaptureScript:
        """Has triggers on the table record what changes, and wake syncd; changes nothing where they are there.

        ``NotForStore`` where the annotations are in no table, ``ConfigError`` with ``state.url``,
        ``DatabaseUnavailable`` where a right is missing or the table is busy.
        """
        return self._capture(install=True, dry_run=dry_run)

    def remove_capture(self, *, dry_run: bool = False) -> CaptureScript:
        """Takes the triggers away again; for every binding of the table."""
        return self._capture(install=False, dry_run=dry_run)

    def _capture(self, *, install: bool, dry_run: bool) -> CaptureScript:
        from syncd.adapters.connect import open_database
        from syncd.adapters.sql.mapping import table_mapping
        from syncd.engine.session import require_table
        from syncd.store.capture_install import carry_out, plan_install, plan_remove
        from syncd.store.capture_target import find_target
        from syncd.store.migrate import require_current
        from syncd.store.tables import tables_for

        config, binding = self._config, self._settings
        require_table(binding, "Change capture")
        if config.state.url is not None:
            raise ConfigError(
                "Change capture needs syncd's own tables in the database of the annotations; `state.url` names "
                "another.",
                remedy="Leave it: syncd polls by `columns.updated_at`.",
            )
        schema = config.state.schema_name
        with self._call(), open_database(config.database.url.get_secret_value()) as connection:
            try:
                target = find_target(connection, binding.table, binding.columns.id.name, schema, table_mapping(binding))
                require_current(connection, schema)
                if install:
                    script = plan_install(connection, tables_for(connection, schema), target)
                else:
                    script = plan_remove(connection, target)
                if not dry_run:
                    carry_out(connection, script)
            finally:
                connection.engine.dispose()
        same = [each.name for each in config.bindings if each.table == binding.table and each.name != binding.name]
        notes = self._not_captured(script) if install else ()
        return CaptureScript(binding.name, dry_run, script, tuple(same), tuple(notes))

    def _not_captured(self, script: Script) -> list[str]:
        notes = []
        if self._settings.read_from != self._settings.table:
            notes.append(
                f"Only changes of {script.target.identity} are captured; what else `read` shows is seen by the "
                "complete sweep (`daemon.full_scan_interval`)."
            )
        if script.target.partitioned:
            notes.append("Rows written to a partition by its own name are seen by the complete sweep only.")
        return notes
