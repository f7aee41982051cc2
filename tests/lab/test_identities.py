"""No trial changes its identity by accident: stored trials and committed results would be trained again.

`identities.json` holds a digest a question. Whoever changes an identity on purpose writes the new digest, which the
failing test prints, in the same commit as the new results.
"""

import hashlib
import json
from pathlib import Path

import pytest

from kdbook.lab import arms

IDENTITIES = json.loads(Path(__file__).with_name("identities.json").read_text())


def digest(name: str) -> str:
    """Of the names and cohorts of all trials and of what they need, in both profiles, whole and with three seeds."""

    def told(trial):
        return [trial.name, trial.cohort, [told(need) for need in trial.needs]]

    lists = [[told(t) for t in arms.trials(name, p, seeds)] for p in ("quick", "full") for seeds in (None, 3)]
    return hashlib.sha256(json.dumps([sorted(trials) for trials in lists]).encode()).hexdigest()[:16]


@pytest.mark.parametrize("name", arms.names())
def test_the_trials_of_a_question_are_those_of_its_committed_results(name):
    assert digest(name) == IDENTITIES.get(name)


def test_every_digest_belongs_to_a_question():
    assert set(IDENTITIES) == set(arms.names())
