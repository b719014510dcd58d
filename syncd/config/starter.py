"""The commented configuration that `syncd init` writes."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from syncd.errors import ConfigError


def starter_config() -> str:
    """A complete, commented configuration; valid as it stands once SYNCD_DATABASE_URL is set."""
    return STARTER


def write_starter(path: Path, force: bool = False) -> None:
    """Write the starter configuration, readable by its owner alone (0600), whole or not at all.

    Raises ConfigError where it cannot be written, or where a file is there already and `force` is not given.
    """
    try:
        if path.is_dir():
            raise ConfigError(f"{path} is a folder", remedy=f"Try {path / 'syncd.yaml'}.")
        if not force and os.path.lexists(path):
            raise FileExistsError
        # Overwriting follows a link, so that a configuration kept elsewhere stays there.
        _write_atomically(path.resolve() if force else path, force)
    except FileExistsError:
        raise ConfigError(f"{path} exists and is left as it is", remedy="--force overwrites it.") from None
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no valid path"
        raise ConfigError(f"{path} cannot be written: {reason}", remedy="Check the folder and its rights.") from None


def _write_atomically(path: Path, force: bool) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(STARTER)
            stream.flush()
            os.fsync(stream.fileno())
        if force or not _link(temporary, path):
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _link(temporary: Path, path: Path) -> bool:
    """Give the file its name; a link, unlike a rename, fails if someone else was faster. False: no links here."""
    try:
        path.hardlink_to(temporary)
    except OSError:
        if os.path.lexists(path):
            raise FileExistsError from None
        return False
    return True


STARTER = """\
# syncd configuration. Keys with a # right before them are optional: take the # away to use them.
# ${NAME} takes an environment variable, ${file:/run/secrets/x} the content of a file; $${ is a literal ${.
# Durations: 500ms, 30s, 10m, 1h30m, 2d. Check everything with: syncd doctor

fiftyone:                                      # left out: FiftyOne's own configuration
  #database_uri: mongodb://localhost:27017     # FiftyOne's MongoDB
  #database_name: fiftyone                     # the database in it
  edition: auto                                # open_source: media are cached as files; enterprise: they stay in S3
  #app_url: http://localhost:5151              # where people open the App: reports link to it

database:                                      # the authority for the annotations
  url: ${SYNCD_DATABASE_URL}                   # such as postgresql+psycopg2://syncd:PASSWORD@localhost/annotations

state:                                         # syncd's own tables
  #url: ${SYNCD_DATABASE_URL}                  # left out: database.url
  schema: syncd                                # made by: syncd migrate

daemon:
  poll_interval: 30s                           # how often each binding is looked at
  full_scan_interval: 1h                       # a complete sweep, whatever the timestamps say
  overlap: 10m                                 # how far behind its cursor an incremental read starts
  quiet_period: 5s                             # an edit younger than this waits; never for more than ten times this
  http: 127.0.0.1:9095                         # /healthz, /readyz, /metrics; null: none

bindings:                                      # each ties one label field to one table
  - name: example                              # what commands call it: letters, digits, _ - .
    dataset: my-dataset                        # the FiftyOne dataset
    label_field: ground_truth                  # its Classification(s) or Detection(s) field
    annotation_id: annotation_id               # the attribute of each label that holds the id
    table: public.annotation                   # the table that is written
    #read: public.annotation_with_media        # what is read: a table, a view or a SELECT; left out: table
    columns:
      id: annotation_id                        # the stable, unique id; several: {columns: [image_id, no]}
      label: label                             # the class; a key of it, pixels and so on: docs/configuration.md
      #box: [x, y, w, h]                       # relative, as FiftyOne has them: left, top, width, height
      media: media_uri                         # ties the row to its sample; or a lookup
      #updated_at: updated_at                  # when the row was last changed: makes polls cheap
      #updated_by: updated_by                  # who changed it: goes to the change log; or a lookup
      #deleted: deleted_at                     # soft deletion: a row is deleted where it holds anything
      #version: version                        # your programs' own optimistic lock: counted up with each change
    #where: project = 7                        # only these rows of the table are meant
    #insert: {project: 7}                      # constants of new rows
    #sample_fields: {station: {column: station, of: row}}  # columns copied to the sample, to filter by
    sample_key: filepath                       # the sample field that equals columns.media
    attributes:                                # further fields of the label, each with its column
      #verified: {column: verified, direction: both}
      #depth: {column: depth_m, direction: to_fiftyone, tolerance: 0.001}
      #station:                                # the column has the same name
    directions:                                # both, to_database or to_fiftyone
      label: both
      box: to_fiftyone                         # a box changed in FiftyOne is held for a person
    #actor_attribute: edited_by                # the label's attribute that names who edited it
    #ingest:                                   # syncd ingest
      #media: /data/images                     # or s3://bucket/prefix: what columns.media is relative to
      #crops: false                            # true: one sample per annotation, cut from its box
      #crop_margin: 0.1                        # share of the box's larger side added around it
      #label_type: Detections                  # left out: Detections where columns.box is mapped, else Classification
      #size: [width_px, height_px]             # columns that say how large the image is; checked
      #unknown_labels: load                    # labels outside the vocabulary: load or refuse
      #inbox: inbox                            # a folder for manifests with their images
      #safe_for_spreadsheets: false            # true: no formula in the lists of what could not be loaded
    #predictions: [{                           # further label fields, for evaluation
      #field: model_a, label: model_label, confidence: model_score,
      #second_label: model_second, second_confidence: model_second_score,
      #box: [px, py, pw, ph]}]                 # left out: the annotation's own
    # Terms that a label may be; left out: any. Also {classes: [Copepoda, Diatom]} or {file: terms.txt}
    #vocabulary: {table: public.taxon, column: name, parent: parent_name, rank: rank, code: code}
    #extra_labels: [unknown, noise]            # allowed whatever the vocabulary says
    #aliases: {Copepda: Copepoda}              # spellings that mean a term
    review:
      mode: immediate                          # tagged: an edit waits for an approving tag
      approve: [reviewed, ok]                  # tags that approve
      error: [bad]                             # tags that flag an annotation for a person
      class_tags: true                         # a tag that is a term relabels
      after: remove                            # what becomes of a used tag: remove, keep or {replace: done}
      #error_column: is_wrong                  # set by an error tag
      #verified: verified                      # the attribute that approval sets, one of those above
      actor_prefix: "by:"                      # a tag by:ann says that Ann edited the label
      marks:                                   # tags that syncd sets on what needs somebody; null: none
        conflict: syncd:conflict
        unknown_label: syncd:unknown-label
        held: syncd:held
    policy:
      on_conflict: quarantine                  # both sides changed: quarantine, database, fiftyone or latest
      first_sync: quarantine                   # differ at first meeting: quarantine, database or fiftyone
      on_new: create                           # drawn in FiftyOne: create, quarantine or ignore
      on_fiftyone_delete: quarantine           # removed in FiftyOne: quarantine, restore or delete
      on_database_delete: remove               # removed in the database: remove or quarantine
      on_hidden: quarantine                    # the table has the row, what is read does not: quarantine or remove
      on_moved: quarantine                     # row and label name two images: quarantine, database or fiftyone
      on_stale_revert: reapply                 # an idle App window put a value back: reapply or quarantine
      stale_window: 1h                         # how long such a return counts as one
    brakes:                                    # a run that would go beyond these writes nothing
      max_change_fraction: 0.2                 # share of annotations changed
      max_delete_fraction: 0.02                # share of annotations deleted
      max_insert_fraction: 0.2                 # share drawn in FiftyOne that would become rows
      max_conflict_fraction: 0.2               # share that would become conflicts
      max_into_one_label: 0.1                  # share of annotations moved into one class
      min_rows: 50                             # below this many annotations shares hold nothing
      min_count: 10                            # no share holds fewer annotations than this
    #embedding:                                # syncd embed
      #model: dino_vits8                       # one of embedding.models
      #of: samples                             # or patches: the boxes of the label field
      #margin: 0.1                             # share of a box's longer side added around it
      #field: null                             # where FiftyOne has the vectors; null: embedding_<model>
      #brain_key: null                         # of the layout; null: <model>_<layout>
      #layout: umap                            # umap, pacmap or null: none
      #similarity: true
      #suspects: true                          # labels that their neighbours contradict

s3:                                            # left out: boto3's own settings (environment, ~/.aws)
  #endpoint_url: https://s3.example.org
  #region: eu-central-1
  #profile: lab
  #credentials_file: /run/secrets/aws          # read again whenever it changes
  requester_pays: false
  connections: 16                              # transfers side by side
  cache: ~/.cache/syncd/media                  # where the open-source FiftyOne finds media from S3
  cache_size: 100GB

#credentials:                                  # syncd credentials issue
  #role_arn: arn:aws:iam::123456789012:role/plankton-media
  #bucket: s3://plankton/highmag
  #write: true                                 # also to upload
  #duration: 12h
  #external_id: syncd
  #sts_endpoint_url: https://sts.example.org
  #hand_to: file                               # or: enterprise
  #file: /run/secrets/aws                      # left out: s3.credentials_file

notify:
  webhook: null                                # told what happened: ${file:/run/secrets/webhook}
  secret: null                                 # signs what it is told: ${file:/run/secrets/webhook-key}
  events: [applied, conflict, held, failed, recovered]

#report:                                       # reports that the daemon writes by itself
  #every: 7d
  #to: reports                                 # a folder, or s3://bucket/prefix
  #format: html                                # html, markdown, csv, json or parquet
  #safe_for_spreadsheets: false                # true: csv without anything that a spreadsheet takes for a formula

#app:                                          # syncd app: who may do what in FiftyOne's App
  #editors: [ada, ben]                         # everybody else looks on; left out: all are editors
  #viewers: [guest]                            # these look on in any case
  #proxies: [127.0.0.1, "::1"]                 # from where the proxy connects that names people
  #proxy_secret: ${file:/run/secrets/proxy}    # the proxy has to send this as X-Syncd-Proxy-Secret
  #role_header: X-Forwarded-Groups             # where it says editor; left out: the lists decide alone
#embedding:                                    # vectors of images, for similarity, layouts and suspects
  #models:
    #dino_vits8:                               # published: dino_vits8, dino_vitb8, dino_vits16, dino_vitb16
      #weights: /models/dino_deitsmall8_pretrain.pth  # a file, a folder of transformers, s3://…; left out: by the name
      #sha256: null                            # what the file of weights must be
      #size: native                            # or the side of a square in pixels
      #max_side: 224                           # native: what the longer side is reduced to
      #pool: cls                               # cls, mean (of the patches) or both
      #normalize: true                         # to length 1
      #value_range: null                       # more than 8 bits: [black, white]; null: the range of their type
      #background: 0                           # what shows behind transparent pixels, 0 to 255
      #runtime: auto                           # torch, torch-bf16, openvino, openvino-bf16, onnx or onnx-int8
      #device: auto                            # cpu, cuda or cuda:0
      #int8_limit: 0.002                       # the largest 1 - cosine that onnx-int8 may cost
  #folder: ~/.cache/syncd/embeddings           # where vectors are kept
  #every: 1d                                   # how often the daemon brings them up to date; left out: never
"""
