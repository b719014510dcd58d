-- A flat table, one row for each image, and a list of labels that nothing refers to.
CREATE TABLE vocabulary (
    label text PRIMARY KEY, display_name text, parent text, aphia_id integer, taxon text, annotations integer, sources text);
CREATE TABLE annotation (
    annotation_id uuid PRIMARY KEY, image text NOT NULL, label text NOT NULL,
    x double precision, y double precision, w double precision, h double precision, width integer, height integer,
    source_repo text, source_commit text, source_path text, label_source text, instrument text, datetime timestamptz,
    latitude double precision, longitude double precision, depth_min_m double precision, depth_max_m double precision,
    score double precision, predicted_label text, status text, annotator text, example_quality text,
    magnification text, sample_id text, object_id text, frame_number integer, roi_number integer, roi_x_px integer,
    roi_y_px integer);
INSERT INTO vocabulary VALUES ('Copepoda', NULL, 'Crustacea', 1080, 'Copepoda', 3, 'lab'),
    ('Oncaeidae', NULL, 'Crustacea', 128586, 'Oncaeidae', 3, 'lab'), ('Crustacea', NULL, NULL, 1066, 'Crustacea', 0, 'lab'),
    ('t001', NULL, NULL, NULL, NULL, 2, 'lab');
INSERT INTO annotation (annotation_id, image, label, x, y, w, h, width, height, source_repo, source_commit, source_path,
    label_source, instrument, datetime, latitude, longitude, depth_min_m, depth_max_m, status, annotator, sample_id,
    object_id)
SELECT md5(n::text)::uuid, 'images/ecotaxa/m106_' || n || '.jpg',
    (ARRAY['unknown', 'Copepoda', 'Oncaeidae', 't001'])[1 + n % 4], 0, 0, 1, 1, 64 + n, 151, 'ecotaxa/ecotaxa_back',
    'cb44b1901f22', 'QA/py/data/m106_' || n || '.jpg', CASE n % 4 WHEN 0 THEN 'none' ELSE 'TSV' END, 'epson',
    '2014-04-20T04:20:00Z', 18.0, -24.4, 600, 1000, 'validated', 'annotator_1', 'm106_mn01_n1_sml', 'm106_' || n
FROM generate_series(1, 16) AS n;
