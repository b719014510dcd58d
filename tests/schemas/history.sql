-- Rows that are added and never changed: each is a state of an object.
CREATE TABLE label_event (
    row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, object_id uuid NOT NULL, image_uri text NOT NULL,
    label text NOT NULL, status text NOT NULL CHECK (status IN ('draft', 'final')), annotator text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE INDEX ON label_event (object_id, created_at);
CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'rows are added, and never changed'; END $$;
CREATE TRIGGER never BEFORE UPDATE OR DELETE ON label_event FOR EACH ROW EXECUTE FUNCTION never();
INSERT INTO label_event (object_id, image_uri, label, status, annotator, created_at)
SELECT ('00000000-0000-4000-8000-' || to_char(1 + n % 5, 'FM000000000000'))::uuid,
    's3://lab/roi/' || 1 + n % 5 || '.png', (ARRAY['Copepoda', 'Ostracoda'])[1 + n % 2], 'draft', 'ada',
    timestamptz '2024-06-01 12:00Z' + n * interval '1 min'
FROM generate_series(1, 10) AS n;
