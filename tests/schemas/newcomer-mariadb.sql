CREATE TABLE taxon (
    taxon_id INT AUTO_INCREMENT PRIMARY KEY, scientific_name VARCHAR(100) NOT NULL UNIQUE, `rank` VARCHAR(40),
    parent_id INT, FOREIGN KEY (parent_id) REFERENCES taxon (taxon_id));
CREATE TABLE person (person_id INT AUTO_INCREMENT PRIMARY KEY, login VARCHAR(40) NOT NULL UNIQUE);
CREATE TABLE image (
    image_id INT AUTO_INCREMENT PRIMARY KEY, file_path VARCHAR(500) NOT NULL UNIQUE, width_px INT NOT NULL,
    height_px INT NOT NULL, depth_m DECIMAL(7, 2), station VARCHAR(40));
CREATE TABLE annotation (
    annotation_id BIGINT AUTO_INCREMENT PRIMARY KEY, image_id INT NOT NULL, taxon_id INT NOT NULL,
    `left` INT NOT NULL, top INT NOT NULL, width INT NOT NULL, height INT NOT NULL,
    quality ENUM ('good', 'blurred', 'cut') NOT NULL DEFAULT 'good', verified BOOLEAN NOT NULL DEFAULT FALSE,
    reviewed_by INT, deleted_at DATETIME(6),
    modified_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
    FOREIGN KEY (image_id) REFERENCES image (image_id), FOREIGN KEY (taxon_id) REFERENCES taxon (taxon_id),
    FOREIGN KEY (reviewed_by) REFERENCES person (person_id), INDEX (modified_at));
INSERT INTO taxon (scientific_name, `rank`, parent_id) VALUES ('Crustacea', 'subphylum', NULL),
    ('Copepoda', 'subclass', 1), ('Ostracoda', 'class', 1);
INSERT INTO person (login) VALUES ('ada'), ('ben');
INSERT INTO image (file_path, width_px, height_px, depth_m, station) VALUES ('FOLDER/1.png', 64, 48, 10.5, 'S1'),
    ('FOLDER/2.png', 64, 48, 21, 'S2');
INSERT INTO annotation (image_id, taxon_id, `left`, top, width, height, deleted_at) VALUES (1, 2, 8, 6, 32, 24, NULL),
    (1, 3, 0, 0, 16, 12, NULL), (2, 2, 8, 6, 32, 24, NULL), (2, 3, 1, 1, 4, 4, '2024-06-01')
