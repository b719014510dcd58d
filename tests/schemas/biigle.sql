-- Like BIIGLE's: labels in trees, attached by users to annotations of images, or to images.
CREATE TABLE users (id serial PRIMARY KEY, firstname varchar(127), lastname varchar(127), email varchar(255) UNIQUE NOT NULL);
CREATE TABLE label_trees (id serial PRIMARY KEY, name varchar(255) NOT NULL, description text, uuid uuid NOT NULL);
CREATE TABLE labels (
    id serial PRIMARY KEY, name varchar(512) NOT NULL, color char(6) NOT NULL, parent_id integer REFERENCES labels,
    label_tree_id integer NOT NULL REFERENCES label_trees, source_id varchar(255), uuid uuid NOT NULL);
CREATE TABLE volumes (id serial PRIMARY KEY, name varchar(512) NOT NULL, url varchar(255) NOT NULL);
CREATE TABLE images (
    id serial PRIMARY KEY, filename varchar(512) NOT NULL, volume_id integer NOT NULL REFERENCES volumes, uuid uuid NOT NULL,
    taken_at timestamp, lat double precision, lng double precision, attrs jsonb, tiled boolean NOT NULL DEFAULT false);
CREATE TABLE image_labels (
    id bigserial PRIMARY KEY, image_id integer NOT NULL REFERENCES images, label_id integer NOT NULL REFERENCES labels,
    user_id integer REFERENCES users, created_at timestamp, updated_at timestamp, UNIQUE (image_id, label_id));
CREATE TABLE shapes (id serial PRIMARY KEY, name varchar(128) NOT NULL);
CREATE TABLE image_annotations (
    id bigserial PRIMARY KEY, image_id integer NOT NULL REFERENCES images, shape_id integer NOT NULL REFERENCES shapes,
    points json NOT NULL, created_at timestamp, updated_at timestamp);
CREATE TABLE image_annotation_labels (
    id bigserial PRIMARY KEY, annotation_id bigint NOT NULL REFERENCES image_annotations,
    label_id integer NOT NULL REFERENCES labels, user_id integer REFERENCES users, confidence double precision NOT NULL,
    created_at timestamp, updated_at timestamp, UNIQUE (annotation_id, label_id, user_id));
INSERT INTO users (firstname, lastname, email) VALUES ('Ada', 'L', 'ada@lab.org'), ('Ben', 'M', 'ben@lab.org');
INSERT INTO label_trees (name, uuid) VALUES ('Plankton', md5('1')::uuid);
INSERT INTO labels (name, color, parent_id, label_tree_id, uuid) VALUES ('Crustacea', 'ff0000', NULL, 1, md5('1')::uuid),
    ('Copepoda', 'ff8800', 1, 1, md5('1')::uuid), ('Ostracoda', 'ffff00', 1, 1, md5('1')::uuid);
INSERT INTO volumes (name, url) VALUES ('Dive 12', 'local://dive12');
INSERT INTO images (filename, volume_id, uuid, taken_at, lat, lng) SELECT 'IMG_' || n || '.jpg', 1, md5('1')::uuid,
    timestamp '2023-07-12 14:38' + n * interval '1 s', 54.1, 8.2 FROM generate_series(1, 6) AS n;
INSERT INTO image_labels (image_id, label_id, user_id, created_at, updated_at)
SELECT 1 + n % 6, 2 + n / 6, 1, timestamp '2024-01-01' + n * interval '1 h', timestamp '2024-01-01' + n * interval '1 h'
FROM generate_series(0, 9) AS n;
INSERT INTO shapes (name) VALUES ('Point'), ('Rectangle');
INSERT INTO image_annotations (image_id, shape_id, points, created_at, updated_at)
SELECT 1 + n % 6, 1, '[100.5, 200]', timestamp '2024-01-01', timestamp '2024-01-01' FROM generate_series(0, 9) AS n;
INSERT INTO image_annotation_labels (annotation_id, label_id, user_id, confidence, created_at, updated_at)
SELECT n, 2 + n % 2, 1, 1, timestamp '2024-01-01' + n * interval '1 h', timestamp '2024-01-01' + n * interval '1 h'
FROM generate_series(1, 10) AS n;
