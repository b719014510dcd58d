"""Proposes the binding of a table: what the catalogue and some rows say, what is made of it, and how it is written."""

from syncd.propose.facts import Facts
from syncd.propose.judge import propose
from syncd.propose.proposal import MOST_QUESTIONS, Answers, Proposal, Question
from syncd.propose.render import render
from syncd.propose.run import facts_at, with_dataset

__all__ = [
    "MOST_QUESTIONS",
    "Answers",
    "Facts",
    "Proposal",
    "Question",
    "facts_at",
    "propose",
    "render",
    "with_dataset",
]
