-- A Darwin Core table: one row for each occurrence, the terms' own names.
CREATE TABLE occurrence (
    "occurrenceID" text PRIMARY KEY, "basisOfRecord" text, "eventDate" timestamptz, "decimalLatitude" double precision,
    "decimalLongitude" double precision, "minimumDepthInMeters" numeric(8, 2), "maximumDepthInMeters" numeric(8, 2),
    "locality" text, "scientificName" text NOT NULL, "scientificNameID" text, "taxonRank" text, "kingdom" text,
    "phylum" text, "class" text, "order" text, "family" text, "genus" text, "vernacularName" text, "taxonID" text,
    "identifiedBy" text, "dateIdentified" timestamptz, "identificationVerificationStatus" text, "recordedBy" text,
    "individualCount" integer, "associatedMedia" text, "occurrenceRemarks" text, "modified" timestamptz);
INSERT INTO occurrence ("occurrenceID", "basisOfRecord", "eventDate", "decimalLatitude", "decimalLongitude",
    "minimumDepthInMeters", "maximumDepthInMeters", "locality", "scientificName", "scientificNameID", "taxonRank",
    "kingdom", "phylum", "class", "order", "family", "genus", "taxonID", "identifiedBy", "dateIdentified",
    "identificationVerificationStatus", "recordedBy", "individualCount", "associatedMedia", "modified")
SELECT 'urn:catalog:lab:' || n, 'MachineObservation', '2024-01-26T10:14:07Z', 24.5, -80.1, 0, 50, 'Florida Keys',
    CASE n % 2 WHEN 0 THEN 'Calanus finmarchicus' ELSE 'Oithona similis' END, 'urn:lsid:marinespecies.org:taxname:' || n,
    'species', 'Animalia', 'Arthropoda', 'Copepoda', 'Calanoida', 'Calanidae', 'Calanus', 'WORMS:' || n, 'Ada L.',
    '2024-02-01T00:00:00Z', 'verified by human', 'Ben M.', 1, '/data/frames/frame_' || n || '.jpg', '2024-02-02T00:00:00Z'
FROM generate_series(1, 8) AS n;
