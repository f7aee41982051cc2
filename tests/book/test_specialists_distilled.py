"""Students of the chapter's three teachers; `test_specialists` runs them beside their teachers."""

from kdbook.lab import arms
from kdbook.lab.steps import seeded_network


def test_students_start_from_the_weights_of_their_seeds_generalist_and_differ_in_their_teacher_only():
    students = [t for t in arms.trials("specialists_distilled", "full") if t.seed == 3]
    generalist = arms.trial("specialist_clusters", "full", "generalist", 3)
    assert len(students) == 3 and all(dict(s.settings) == dict(students[0].settings) for s in students)
    assert all(s.needs[0] == generalist for s in students)
    first = seeded_network(generalist).state_dict()
    assert all((first[k] == v).all() for k, v in seeded_network(students[0]).state_dict().items())


def test_the_ensemble_that_teaches_is_the_one_that_is_measured():
    student = arms.trial("specialists_distilled", "full", "of_ensemble", 2)
    assert student.needs == arms.trial("specialists", "full", "ensemble", 2).needs
