-- Like Annosaurus': observations of a concept at a moment of a video, images of that moment, times without a zone.
CREATE TABLE imaged_moments (
    uuid uuid PRIMARY KEY, elapsed_time_millis bigint, recorded_timestamp timestamp, timecode varchar(255),
    video_reference_uuid uuid NOT NULL, last_updated_timestamp timestamp);
CREATE TABLE observations (
    uuid uuid PRIMARY KEY, concept varchar(256), duration_millis bigint, "group" varchar(64), activity varchar(128),
    observation_timestamp timestamp, observer varchar(128), imaged_moment_uuid uuid NOT NULL REFERENCES imaged_moments,
    last_updated_timestamp timestamp);
CREATE INDEX ON observations (last_updated_timestamp);
CREATE TABLE image_references (
    uuid uuid PRIMARY KEY, description varchar(256), format varchar(64), height_pixels integer, width_pixels integer,
    url varchar(1024) NOT NULL UNIQUE, imaged_moment_uuid uuid NOT NULL REFERENCES imaged_moments,
    last_updated_timestamp timestamp);
CREATE TABLE associations (
    uuid uuid PRIMARY KEY, link_name varchar(128) NOT NULL, link_value varchar(1024), to_concept varchar(128),
    mime_type varchar(64), observation_uuid uuid NOT NULL REFERENCES observations, last_updated_timestamp timestamp);
INSERT INTO imaged_moments (uuid, recorded_timestamp, video_reference_uuid, last_updated_timestamp)
SELECT ('00000000-0000-7000-8000-' || to_char(n, 'FM000000000000'))::uuid, timestamp '2022-03-01 10:00' + n * interval '1 s',
    '00000000-0000-7000-9000-000000000001', timestamp '2022-03-02' FROM generate_series(1, 6) AS n;
INSERT INTO observations (uuid, concept, "group", activity, observation_timestamp, observer, imaged_moment_uuid,
    last_updated_timestamp)
SELECT ('00000000-0000-7000-a000-' || to_char(n, 'FM000000000000'))::uuid,
    CASE n % 2 WHEN 0 THEN 'Nanomia bijuga' ELSE 'Bathochordaeus' END, 'ROV', 'transect',
    timestamp '2022-03-02' + n * interval '1 min', 'brian',
    ('00000000-0000-7000-8000-' || to_char(n, 'FM000000000000'))::uuid, timestamp '2022-03-03' + n * interval '1 min'
FROM generate_series(1, 6) AS n;
INSERT INTO image_references (uuid, format, height_pixels, width_pixels, url, imaged_moment_uuid)
SELECT ('00000000-0000-7000-b000-' || to_char(n, 'FM000000000000'))::uuid, 'image/png', 1080, 1920,
    's3://framegrabs/doc/' || n || '.png', ('00000000-0000-7000-8000-' || to_char(n, 'FM000000000000'))::uuid
FROM generate_series(1, 6) AS n;
