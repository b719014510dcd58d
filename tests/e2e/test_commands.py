"""What each command promises: exit codes, one JSON document, help with an example, no secret, no traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from lab import SYNCD, Lab
from typer.testing import CliRunner

from syncd.cli.main import app

RECONCILE_KEYS = {
    "binding": str,
    "run_id": str,
    "mode": str,
    "dry_run": bool,
    "superseded": int,
    "refused": int,
    "converged": int,
    "awaiting_review": int,
    "not_ingested": int,
    "seconds": float,
}


def _commands(group: typer.core.TyperGroup, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            found += _commands(command, (*path, name))
        else:
            found.append((*path, name))
    return found


COMMANDS = _commands(typer.main.get_command(app))  # type: ignore[arg-type]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(command: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "160"})

    assert shown.exit_code == 0
    assert f"Example: syncd {' '.join(command)}" in shown.output


def test_the_documented_commands_are_there() -> None:
    wanted = {"init", "migrate", "reconcile", "apply", "verify", "status", "log", "doctor", "demo"}
    assert wanted <= {" ".join(each) for each in COMMANDS}
    assert {("conflicts", "list"), ("conflicts", "show")} <= set(COMMANDS)


def test_reconcile_json_holds_what_the_design_promises(lab: Lab) -> None:
    done = lab.syncd("reconcile", json=True)

    (result,) = done.json["bindings"]
    for key, kind in RECONCILE_KEYS.items():
        assert isinstance(result[key], kind), key
    assert result["mode"] in ("incremental", "full")
    assert set(result["scanned"]) == {"fiftyone", "database"}
    assert set(result["applied"]) == {"to_database", "to_fiftyone"}
    assert set(result["conflicts"]) == {"opened", "open"}
    assert result["held"] is None
    assert "changes" not in result


def test_done_without_conflicts_is_0(lab: Lab) -> None:
    assert lab.syncd("reconcile").code == 0
    assert lab.syncd("verify", "demo").code == 0
    assert lab.syncd("status").code == 0
    assert lab.syncd("log").code == 0
    assert lab.syncd("conflicts", "list").code == 0


def test_without_its_tables_every_command_says_migrate(fresh: Lab) -> None:
    for command in (["reconcile"], ["verify", "demo"], ["status"], ["log"], ["conflicts", "list"]):
        done = fresh.syncd(*command)
        assert done.code == 1, command
        assert "syncd migrate" in done.err


def test_open_conflicts_are_3(lab: Lab) -> None:
    one = min(lab.rows())
    lab.sql("UPDATE annotation SET label = 'at home' WHERE annotation_id = CAST(:id AS uuid)", id=one)
    _relabel(lab, one, "in review")

    done = lab.syncd("reconcile")

    assert done.code == 3
    assert "syncd conflicts list demo" in done.out
    (conflict,) = lab.syncd("conflicts", "list", json=True).json["conflicts"]
    assert (conflict["kind"], conflict["field"]) == ("edit_edit", "label")
    assert (conflict["fiftyone"], conflict["database"]) == ("in review", "at home")
    shown = lab.syncd("conflicts", "show", str(conflict["id"]))
    assert "both sides changed it" in shown.out
    assert one in shown.out
    assert lab.syncd("status", json=True).json["bindings"][0]["state"] == "conflicts"


def test_held_by_a_brake_is_4_and_writes_nothing(lab: Lab) -> None:
    lab.sql("UPDATE annotation SET label = 'Ciliate'")
    before = lab.labels()

    done = lab.syncd("reconcile")

    assert done.code == 4
    assert "held" in done.out
    assert "--force" in done.out
    assert lab.labels() == before
    assert lab.syncd("status", json=True).json["bindings"][0]["state"] == "held"
    assert lab.syncd("reconcile", "--force").code == 0
    assert {each["label"] for each in lab.labels().values()} == {"Ciliate"}


def test_a_dataset_that_was_deleted_holds_and_deletes_no_row(lab: Lab) -> None:
    before = lab.rows()
    lab.dataset().delete()

    done = lab.syncd("reconcile", json=True)

    assert done.code == 4
    assert "no dataset" in done.json["bindings"][0]["held"]
    assert lab.rows() == before


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("dataset: lab-", "dataset: no-such-lab-", "has no dataset"),
        ("label_field: ground_truth", "label_field: truth", "has no field 'truth'"),
        ("label_field: ground_truth", "label_field: filepath", "expected Classification"),
        ("label: label", "label: lable", "has no column 'lable'"),
        ("table: public.annotation", "table: public.annotations", "no table or view"),
        ("column: verified", "column: media_uri2", "has no column 'media_uri2'"),
    ],
)
def test_a_mapping_that_does_not_fit_is_1_and_says_what_is_missing(fresh: Lab, old: str, new: str, words: str) -> None:
    assert fresh.syncd("migrate").code == 0
    text = fresh.config.read_text(encoding="utf-8")
    assert old in text
    fresh.config.write_text(text.replace(old, new, 1), encoding="utf-8")

    done = fresh.syncd("reconcile")

    assert done.code == 1
    assert words in done.err
    assert "Traceback" not in done.err


def test_wrong_configuration_is_2_with_every_fault_and_no_traceback(lab: Lab) -> None:
    text = lab.config.read_text(encoding="utf-8")
    lab.config.write_text(text.replace("label_field", "labelfield") + "demon: {}\n", encoding="utf-8")

    done = lab.process("reconcile")

    assert done.code == 2
    assert "bindings[0].labelfield" in done.err
    assert "demon" in done.err
    assert "daemon" in done.err, "the nearest known key"
    assert "Traceback" not in done.err


def test_a_server_that_is_not_there_is_1_at_once_without_its_password(lab: Lab) -> None:
    text = lab.config.read_text(encoding="utf-8")
    away = "postgresql+psycopg2://syncd:hunter2@127.0.0.1:9/lab"
    lab.config.write_text(text.replace(lab.url, away), encoding="utf-8")

    for command in (["reconcile"], ["status"], ["migrate"]):
        done = lab.syncd(*command)
        assert done.code == 1
        assert "does not answer" in done.err
        assert "hunter2" not in done.out + done.err


def test_a_mongodb_that_is_not_there_is_1_without_its_password(lab: Lab) -> None:
    lines = lab.config.read_text(encoding="utf-8").splitlines()
    away = "mongodb://syncd:hunter2@127.0.0.1:9/?serverSelectionTimeoutMS=300"
    lab.config.write_text(
        "\n".join(f"  database_uri: {away}" if "database_uri" in line else line for line in lines), encoding="utf-8"
    )

    done = lab.syncd("reconcile")

    assert done.code == 1
    assert "MongoDB" in done.err
    assert "hunter2" not in done.out + done.err


def test_json_is_one_document_on_standard_output_and_nothing_else(lab: Lab) -> None:
    for command in (["reconcile"], ["verify", "demo"], ["status"], ["log"], ["conflicts", "list"], ["migrate"]):
        done = lab.process(*command, "--json")
        assert done.code == 0, (command, done.err)
        json.loads(done.out)


def test_colours_only_on_a_terminal(lab: Lab) -> None:
    plain = lab.process("status")
    coloured = lab.process("status", FORCE_COLOR="1")

    assert "\x1b[" not in plain.out
    assert "\x1b[" in coloured.out


def test_a_plan_file_that_is_none_is_2(lab: Lab, tmp_path: Path) -> None:
    wrong = tmp_path / "plan.json"
    assert lab.syncd("apply", str(wrong)).code == 2
    wrong.write_text("[1, 2", encoding="utf-8")
    assert lab.syncd("apply", str(wrong)).code == 2
    wrong.write_text('{"syncd_plan": 99}', encoding="utf-8")
    assert lab.syncd("apply", str(wrong)).code == 2


def test_an_unknown_binding_is_2_with_the_nearest(lab: Lab) -> None:
    done = lab.syncd("reconcile", "demmo")

    assert done.code == 2
    assert "demo" in done.err


def test_a_deleted_sample_and_a_deleted_row_are_noticed_by_an_ordinary_reconcile(lab: Lab) -> None:
    rows = sorted(lab.rows())
    lab.sql("DELETE FROM annotation WHERE annotation_id = CAST(:id AS uuid)", id=rows[0])

    assert lab.syncd("reconcile").code == 0
    assert rows[0] not in lab.labels()

    sample = next(iter(lab.dataset()))
    gone = {str(label["annotation_id"]) for label in sample["ground_truth"].detections}
    lab.dataset().delete_samples([sample.id])
    done = lab.syncd("reconcile", json=True)
    assert done.code in (0, 4)
    if done.code == 0:
        assert done.json["bindings"][0]["not_ingested"] == len(gone)
    assert gone <= lab.rows().keys()


def test_verify_finds_what_nobody_has_been_told_of(lab: Lab) -> None:
    one = min(lab.rows())
    lab.sql("UPDATE annotation SET label = 'changed just now' WHERE annotation_id = CAST(:id AS uuid)", id=one)

    done = lab.syncd("verify", "demo", json=True)

    assert done.code == 1
    (difference,) = done.json["differences"]
    assert (difference["annotation_id"], difference["field"]) == (one, "label")
    assert difference["conflict"] is None


def test_the_log_is_filtered_and_its_chain_is_checked(lab: Lab) -> None:
    one, two = sorted(lab.rows())[:2]
    lab.sql("UPDATE annotation SET label = 'Rotifera' WHERE annotation_id = CAST(:id AS uuid)", id=one)
    lab.sql("UPDATE annotation SET depth_m = 3.25 WHERE annotation_id = CAST(:id AS uuid)", id=two)
    assert lab.syncd("reconcile").code == 0

    def log(*filters: str) -> list[str]:
        return [each["annotation_id"] for each in lab.syncd("log", *filters, json=True).json["changes"]]

    assert sorted(log()) == [one, two]
    assert log("--field", "depth") == [two]
    assert log("--annotation", one) == [one]
    assert log("--direction", "to_database") == []
    assert log("--since", "1h") == log()
    assert "Rotifera" in lab.syncd("log").out

    lab.sql("UPDATE syncd.change SET new = '\"Copepoda\"' WHERE annotation_id = :id", id=one)
    tampered = lab.syncd("log", "--verify")
    assert tampered.code == 1
    assert "broken at change" in tampered.out


def test_version_and_no_arguments(lab: Lab) -> None:
    import subprocess

    done = subprocess.run([*SYNCD, "--version"], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("syncd ")


def _relabel(lab: Lab, annotation_id: str, label: str) -> None:
    for sample in lab.dataset():
        for each in sample["ground_truth"].detections:
            if each["annotation_id"] == annotation_id:
                each.label = label
                sample.save()
