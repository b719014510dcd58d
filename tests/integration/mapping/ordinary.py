"""An ordinary schema: the label, the image and the person are keys, boxes are pixels, rows are flagged as deleted."""

from __future__ import annotations

from typing import Any

from mapping_lab import MappingLab

SCHEMA = (
    'CREATE TABLE "Taxa" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "Name" text NOT NULL UNIQUE)',
    """INSERT INTO "Taxa" ("Name") VALUES ('Copepoda'), ('Ostracoda'), ('Diatom'), ('Ciliate')""",
    """CREATE TABLE images (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), path text UNIQUE, width int, height int,
       station text, depth numeric(6, 1), taken timestamptz)""",
    """INSERT INTO images (path, width, height, station, depth, taken) VALUES
       ('a.png', 200, 100, 'M1', 12.5, '2024-05-01 10:00+00'), ('b.png', 200, 100, NULL, NULL, NULL)""",
    "CREATE TABLE people (id int PRIMARY KEY, login text UNIQUE)",
    "INSERT INTO people VALUES (1, 'syncd'), (2, 'ada')",
    "CREATE TYPE quality AS ENUM ('good', 'poor')",
    """CREATE TABLE "Objects" (image_id uuid REFERENCES images, no int, taxon_id int NOT NULL REFERENCES "Taxa",
       x1 int, y1 int, x2 int, y2 int, quality quality, checked char(1) DEFAULT 'N', meta jsonb,
       "deletedAt" timestamptz, version int NOT NULL DEFAULT 1, project int NOT NULL,
       person_id int REFERENCES people, updated_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (image_id, no))""",
    """CREATE FUNCTION number() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
       IF NEW.no IS NULL THEN NEW.no := (SELECT coalesce(max(no), 0) + 1 FROM "Objects" WHERE image_id = NEW.image_id);
       END IF; RETURN NEW; END$$""",
    'CREATE TRIGGER number BEFORE INSERT ON "Objects" FOR EACH ROW EXECUTE FUNCTION number()',
    """CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.updated_at := clock_timestamp();
       RETURN NEW; END$$""",
    'CREATE INDEX ON "Objects" (updated_at)',
    'CREATE TRIGGER touch BEFORE UPDATE ON "Objects" FOR EACH ROW EXECUTE FUNCTION touch()',
    """INSERT INTO "Objects" (image_id, no, taxon_id, x1, y1, x2, y2, quality, checked, meta, project)
       SELECT i.id, n, n, 10 * n, 10, 10 * n + 50, 40, 'good', 'Y', '{"env": {"depth": 12.5}}', 7
       FROM images i, generate_series(1, 3) n""",
    """INSERT INTO "Objects" (image_id, no, taxon_id, x1, y1, x2, y2, project)
       SELECT id, 9, 4, 0, 0, 10, 10, 8 FROM images WHERE path = 'a.png'""",
)
BINDING: dict[str, Any] = {
    "table": '"Objects"',
    "columns": {
        "id": {"columns": ["image_id", "no"]},
        "label": {"column": "taxon_id", "lookup": {"table": '"Taxa"', "key": "id", "value": "Name"}},
        "box": {
            "columns": ["x1", "y1", "x2", "y2"],
            "unit": "pixels",
            "format": "xyxy",
            "size": ["width", "height"],
            "direction": "both",
        },
        "media": {"column": "image_id", "lookup": {"table": "images", "key": "id", "value": "path"}},
        "updated_at": "updated_at",
        "updated_by": {
            "column": "person_id",
            "lookup": {"table": "people", "key": "id", "value": "login"},
            "default": "syncd",
        },
        "deleted": "deletedAt",
        "version": "version",
    },
    "where": "project = 7",
    "insert": {"project": 7},
    "attributes": {
        "quality": {"column": "quality", "direction": "both"},
        "checked": {"column": "checked", "values": {"Y": True, "N": False}, "direction": "both"},
        "depth": {"column": "meta", "path": "env.depth", "direction": "both"},
    },
    "sample_fields": {"station": "station", "water_depth": {"column": "depth"}, "taken": "taken"},
    "policy": {"on_fiftyone_delete": "delete"},
}


def row(lab: MappingLab, identifier: str) -> dict[str, object]:
    image, no = identifier.split("|")
    [found] = lab.sql(
        'SELECT * FROM "Objects" WHERE image_id = CAST(:image AS uuid) AND no = :no', image=image, no=int(no)
    )
    return found
