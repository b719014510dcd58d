"""The daemon watches the inboxes of its bindings."""

from __future__ import annotations

import signal
from pathlib import Path

from daemons import running, until, write_config
from inbox_lab import InboxLab
from ingest_lab import ingest_lab


def test_a_manifest_that_is_dropped_is_taken_up_and_one_broken_inbox_stops_nothing(
    database_url: str, mongo_uri: str, tmp_path: Path
) -> None:
    for name in ("media", "inbox"):
        (tmp_path / name).mkdir()
    with ingest_lab(database_url, mongo_uri, tmp_path / "media") as made:
        lab = InboxLab(made, tmp_path / "inbox")
        document = made.document(ingest={"inbox": str(lab.inbox)})
        broken = made.document(ingest={"inbox": str(tmp_path / "nowhere")})["bindings"][0]
        document["bindings"].append(broken | {"name": "broken", "label_field": "another"})
        config = write_config(tmp_path / "syncd.yaml", document, poll_interval="1s")
        with running(config, tmp_path / "log") as daemon:
            daemon.until_said("syncd runs")
            lab.drop("image,label\na.png,Copepoda\n", a=1)
            until(lambda: len(lab.rows()) == 1, daemon.text)
            lab.drop("image,label\nb.png,Diatom\n", name="next.csv", b=2)
            until(lambda: len(lab.rows()) == 2, daemon.text)
            daemon.send(signal.SIGTERM)
            assert daemon.wait() == 0
            daemon.until_said("ended")
