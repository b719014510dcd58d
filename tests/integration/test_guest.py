"""A program that uses syncd as a library: nothing that belongs to its whole process is changed by that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from worlds import BINDING, World

PROGRAM = """
import atexit, gc, json, logging, os, signal, sys, warnings
from pathlib import Path

def state():
    umask = os.umask(0o22)
    os.umask(umask)
    loggers = [each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    return {
        "collector": [gc.get_threshold(), gc.get_freeze_count(), gc.isenabled()],
        "umask": umask,
        "levels": {each.name: each.level for each in [logging.root, *loggers] if each.level},
        "handlers": {each.name: len(each.handlers) for each in [logging.root, *loggers] if each.handlers},
        "warnings": [str(each) for each in warnings.filters],
        "environment": dict(os.environ),
        "exit": atexit._ncallbacks(),
        "signals": [str(signal.getsignal(each)) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
        "hooks": [str(sys.excepthook), str(sys.stdout), str(sys.stderr)],
    }

# What libraries do while they are imported is theirs.
import adbc_driver_postgresql.dbapi, alembic, polars, psycopg2, pymongoarrow.api
import syncd.engine.session, syncd.adapters.fiftyone.sdk, syncd.engine.run
from syncd.config import load_config
"""

READS = """
from syncd.engine.options import Options
config = load_config(Path(sys.argv[1]))
before = state()
result = syncd.engine.run.reconcile_binding(config, sys.argv[2], Options(full=True, dry_run=True))
assert result.plan is not None
with syncd.engine.session.open_session(config, sys.argv[2]) as session:
    assert session.mapping.binding == sys.argv[2]
print(json.dumps([before, state()]))
"""

USES_THE_SDK = """
config = load_config(Path(sys.argv[1]))
import fiftyone
fiftyone.list_datasets()
before = state()
assert syncd.adapters.fiftyone.sdk.fiftyone_for(config) is fiftyone
print(json.dumps([before, state()]))
"""

IMPORTS_THE_SDK = """
config = load_config(Path(sys.argv[1]))
for name in ("FIFTYONE_DATABASE_URI", "FIFTYONE_DATABASE_NAME"):
    os.environ.pop(name, None)
before = state()
fiftyone = syncd.adapters.fiftyone.sdk.fiftyone_for(config)
assert fiftyone.config.database_name == config.fiftyone.database_name
after = state()
for each in (before, after):
    # FiftyOne's import, and not syncd's doing: loggers, a hook for errors, variables for its other libraries.
    del each["levels"], each["handlers"], each["hooks"], each["exit"]
    each["environment"] = {name: value for name, value in each["environment"].items() if name.startswith("FIFTYONE_")}
    each["environment"].pop("FIFTYONE_CONTEXT", None)
print(json.dumps([before, after]))
"""


@pytest.mark.parametrize("what", [READS, USES_THE_SDK, IMPORTS_THE_SDK], ids=["reads", "uses-sdk", "imports-sdk"])
def test_a_program_that_uses_syncd_finds_its_process_as_it_was(world: World, tmp_path: Path, what: str) -> None:
    config = tmp_path / "syncd.yaml"
    config.write_text(yaml.safe_dump(world.document()))
    command = [sys.executable, "-c", PROGRAM + what, str(config), BINDING]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=dict(os.environ))

    assert done.returncode == 0, done.stderr
    before, after = json.loads(done.stdout.splitlines()[-1])
    assert after == before


def test_the_command_line_sets_up_its_own_process(tmp_path: Path) -> None:
    program = "import sys, syncd.cli.main as m; from syncd import own_process as p; sys.argv[1:] = ['--version']\n"
    program += "try: m.main()\nfinally: print(p.is_own())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "True"
