-- Like iNaturalist's: observations of taxa by users, and photos by way of a table between.
CREATE TABLE users (id integer PRIMARY KEY, login varchar(255) UNIQUE NOT NULL, name varchar(255), email varchar(255));
CREATE TABLE taxa (
    id integer PRIMARY KEY, name varchar(255) UNIQUE NOT NULL, rank varchar(255), rank_level double precision,
    parent_id integer REFERENCES taxa, ancestry varchar(255), is_active boolean DEFAULT true, wikipedia_summary text,
    created_at timestamp, updated_at timestamp);
CREATE TABLE photos (
    id integer PRIMARY KEY, user_id integer REFERENCES users, native_photo_id varchar(255),
    large_url varchar(255), original_url varchar(255) NOT NULL, thumb_url varchar(255), license integer,
    created_at timestamp, updated_at timestamp);
CREATE TABLE observations (
    id bigserial PRIMARY KEY, uuid uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE, user_id integer NOT NULL REFERENCES users,
    taxon_id integer REFERENCES taxa, species_guess varchar(255), observed_on date, latitude numeric(15, 10),
    longitude numeric(15, 10), positional_accuracy integer, description text, quality_grade varchar(255) DEFAULT 'casual',
    captive boolean DEFAULT false, place_guess varchar(255), created_at timestamp NOT NULL, updated_at timestamp NOT NULL);
CREATE INDEX ON observations (updated_at);
CREATE TABLE observation_photos (
    id serial PRIMARY KEY, observation_id bigint NOT NULL REFERENCES observations, photo_id integer NOT NULL REFERENCES photos,
    position integer, uuid uuid);
INSERT INTO users VALUES (1, 'ada', 'Ada L.', 'ada@lab.org'), (2, 'ben', 'Ben M.', 'ben@lab.org');
INSERT INTO taxa (id, name, rank, rank_level, parent_id, ancestry) VALUES (1, 'Animalia', 'kingdom', 70, NULL, NULL),
    (2, 'Copepoda', 'subclass', 47, 1, '1'), (3, 'Ostracoda', 'class', 50, 1, '1');
INSERT INTO observations (uuid, user_id, taxon_id, species_guess, observed_on, latitude, longitude, positional_accuracy,
    description, quality_grade, place_guess, created_at, updated_at)
SELECT md5(n::text)::uuid, 1 + n % 2, 2 + n % 2, 'some copepod', '2024-05-01', 54.1 + n, 8.2, 10, 'seen in a net', 'research', 'Helgoland',
    timestamp '2024-05-02' + n * interval '1 h', timestamp '2024-05-03' + n * interval '1 h'
FROM generate_series(1, 8) AS n;
INSERT INTO photos (id, user_id, native_photo_id, large_url, original_url, thumb_url)
SELECT n, 1, n::text, 's3://inaturalist/photos/' || n || '/large.jpg', 's3://inaturalist/photos/' || n || '/original.jpg',
    's3://inaturalist/photos/' || n || '/thumb.jpg'
FROM generate_series(1, 8) AS n;
INSERT INTO observation_photos (observation_id, photo_id, position) SELECT n, n, 0 FROM generate_series(1, 8) AS n;
