"""``syncd database``: what it prints and does, from the command line."""

from __future__ import annotations

import yaml

from e2e.lab import Lab


def triggers(lab: Lab) -> list[str]:
    found = lab.sql("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgname LIKE 'syncd%'")
    return [each["tgname"] for each in found]


def test_a_dry_run_prints_the_sql_and_runs_none_of_it(lab: Lab) -> None:
    done = lab.syncd("database", "install-capture", "demo", "--dry-run")
    assert done.code == 0
    assert done.out.startswith("BEGIN;\nCREATE OR REPLACE FUNCTION ")
    assert done.out.endswith("COMMIT;\n")
    assert 'ON "public"."annotation"' in done.out
    assert triggers(lab) == []


def test_capture_is_installed_used_and_removed(lab: Lab) -> None:
    done = lab.syncd("database", "install-capture", "demo")
    assert (done.code, done.out) == (0, "Changes of public.annotation are captured from now on.\n")
    assert len(triggers(lab)) == 4
    again = lab.syncd("database", "install-capture", "demo")
    assert (again.code, again.out) == (0, "Change capture of public.annotation is installed already.\n")
    assert lab.syncd("database", "install-capture", "demo", "--dry-run").out.startswith("-- ")
    lab.syncd("reconcile")
    lab.sql("DELETE FROM annotation WHERE annotation_id = (SELECT min(annotation_id::text) FROM annotation)::uuid")
    (done_json,) = lab.syncd("reconcile", json=True).json["bindings"]
    assert done_json["applied"] == {"to_database": 0, "to_fiftyone": 1}
    removed = lab.syncd("database", "remove-capture", "demo")
    assert (removed.code, removed.out) == (0, "Changes of public.annotation are not captured any more.\n")
    assert triggers(lab) == []
    assert lab.syncd("database", "remove-capture", "demo").out == "There is no change capture on public.annotation.\n"


def test_json_is_one_document(lab: Lab) -> None:
    document = lab.syncd("database", "install-capture", "demo", "--dry-run", json=True).json
    assert (document["binding"], document["dry_run"], document["table"]) == ("demo", True, "public.annotation")
    assert document["channel"].startswith("syncd_")
    assert len(document["statements"]) == 6
    document = lab.syncd("database", "grants", json=True).json
    assert {"database", "for", "sql", "by_hand"} == set(document[0])


def test_a_view_that_is_read_is_noted(lab: Lab) -> None:
    lab.sql("CREATE VIEW shown AS SELECT * FROM annotation")
    settings = yaml.safe_load(lab.config.read_text())
    settings["bindings"][0]["read"] = "shown"
    lab.config.write_text(yaml.safe_dump(settings))
    done = lab.syncd("database", "install-capture", "demo")
    assert (done.code, "note: Only changes of public.annotation are captured" in done.err) == (0, True)


def test_what_cannot_be_captured_says_why(fresh: Lab) -> None:
    lab = fresh
    before = lab.syncd("database", "install-capture", "demo")
    assert (before.code, "Run `syncd migrate`" in before.err) == (1, True)
    unknown = lab.syncd("database", "install-capture", "plankton")
    assert unknown.code == 2
    settings = yaml.safe_load(lab.config.read_text())
    lab.config.write_text(yaml.safe_dump(settings | {"state": {"url": lab.url}}))
    apart = lab.syncd("database", "install-capture", "demo")
    assert (apart.code, "`state.url` names another" in apart.err) == (2, True)
    lab.config.write_text(yaml.safe_dump(settings | {"database": {"url": f"sqlite:///{lab.config.parent / 'lab.db'}"}}))
    other = lab.syncd("database", "install-capture", "demo")
    assert (other.code, "needs PostgreSQL" in other.err) == (2, True)
    other = lab.syncd("database", "grants")
    assert (other.code, "Grants are PostgreSQL's" in other.err) == (2, True)


def test_grants_can_be_piped_into_psql(lab: Lab) -> None:
    done = lab.syncd("database", "grants", "--role", 'the "daemon"')
    assert done.code == 0
    lab.sql('CREATE ROLE "the ""daemon"""')
    try:
        lab.sql(done.out.replace(":", "\\:"))
    finally:
        lab.sql('DROP OWNED BY "the ""daemon"""')
        lab.sql('DROP ROLE "the ""daemon"""')
