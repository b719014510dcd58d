"""What is proposed for the schemas of laboratories, from facts alone."""

from __future__ import annotations

import os

import pytest
import yaml

from lab_schemas import SCHEMAS, Schema, section
from syncd.config import load_config_text
from syncd.propose import Facts, propose, render
from syncd.propose.proposal import MOST_QUESTIONS
from syncd.propose.render import render_binding

REMAKE = "SYNCD_REMAKE_SCHEMAS"
"""With this set, what is proposed now becomes what is expected; read it before you commit it."""

URL = {"SYNCD_DATABASE_URL": "postgresql+psycopg2://syncd@db/lab"}

every_schema = pytest.mark.parametrize("schema", SCHEMAS, ids=[each.name for each in SCHEMAS])


@every_schema
def test_the_proposal_is_the_one_that_stands_beside_the_schema(schema: Schema) -> None:
    proposed = render_binding(propose(schema.facts))
    if os.environ.get(REMAKE):
        schema.expected_file.write_text(proposed, encoding="utf-8")
    assert proposed == schema.expected_file.read_text(encoding="utf-8")


@every_schema
def test_no_more_than_two_questions_are_asked(schema: Schema) -> None:
    asked = propose(schema.facts).questions
    assert tuple(each.name for each in asked) == schema.questions
    assert len(asked) <= MOST_QUESTIONS


@every_schema
def test_the_file_loads_without_a_fault_and_says_what_was_proposed(schema: Schema) -> None:
    proposal = propose(schema.facts, "highmag")
    text = render(proposal)
    (binding,) = load_config_text(text, URL).bindings
    assert binding.dataset == "highmag"
    written = yaml.safe_load(text)["bindings"][0]
    for key, value in proposal.binding.items():
        if key != "policy":
            assert written[key] == value or (key == "ingest" and section(proposal, key).items() <= written[key].items())
    assert binding.policy.on_new == section(proposal, "policy").get("on_new", "create")


@every_schema
def test_an_answer_settles_its_question(schema: Schema) -> None:
    settled = propose(schema.facts, answers={"media_root": "/data/here"})
    assert settled.questions == ()
    if schema.questions:
        assert section(settled, "ingest")["media"] == "/data/here"
        assert not any("to be filled in" in note for note in settled.notes)


@every_schema
def test_facts_read_back_from_json_as_they_were_written(schema: Schema) -> None:
    assert Facts.from_json(schema.facts.as_json()) == schema.facts
