"""Every exercise of every chapter: each mistake of its table earns its hint, stubs are no answers, right is right."""

from importlib import import_module

import pytest

from kdbook.teach.feedback import Answer, Exercise, each

CHAPTERS = [import_module(f"kdbook.teach.chapter_{number:02}") for number in range(11)]
CHECKS = {
    f"{module.__name__[-2:]}-{name}": found
    for module in CHAPTERS
    for name, found in vars(module).items()
    if isinstance(found, Answer | Exercise) or name.startswith("check_")
}
TABLES = {name: found for name, found in CHECKS.items() if isinstance(found, Answer | Exercise)}
MISTAKES = [(name, hint) for name, table in TABLES.items() for hint in table.mistakes]
every_check = pytest.mark.parametrize("name", CHECKS)


@pytest.mark.parametrize(("name", "hint"), MISTAKES, ids=[f"{name}-{hint[:40]}" for name, hint in MISTAKES])
def test_a_mistake_earns_its_own_hint(name, hint):
    for mistake in each(TABLES[name].mistakes[hint]):
        said = TABLES[name](mistake)
        assert not said.passed
        assert said.message == hint


@pytest.mark.parametrize("name", TABLES)
def test_what_a_table_says_asks_a_question_or_tells_a_symptom_with_its_number(name):
    told = [*TABLES[name].mistakes, *(text for _, text in getattr(TABLES[name], "tries", ()) if text)]
    assert [text for text in told if "?" not in text and "{ratio" not in text and "0.1 times" not in text] == []


@pytest.mark.parametrize("name", TABLES)
def test_the_right_answer_of_a_table_passes_its_own_check(name):
    said = TABLES[name](TABLES[name].right)
    assert said.passed and said.message == TABLES[name].done


@every_check
@pytest.mark.parametrize("stub", [..., None, lambda *_: ...], ids=["ellipsis", "none", "function"])
def test_a_stub_is_no_answer(name, stub):
    said = CHECKS[name](stub)
    assert not said.passed
    assert said.message.startswith(("Not answered yet", "A number is needed", "A list with some"))


@pytest.mark.parametrize("name", [name for name, found in CHECKS.items() if not isinstance(found, Answer)])
def test_an_error_of_the_readers_own_is_told_and_does_not_stop_the_notebook(name):
    if name != "09-check_uses":
        said = CHECKS[name](lambda *_: 1 / 0).message
        assert "with ZeroDivisionError: division by zero" in said
        assert "`said = CHECKS[name](lambda *_: 1 / 0).message`" in said


@pytest.mark.parametrize("name", [name for name, found in CHECKS.items() if not isinstance(found, Answer)])
def test_a_forgotten_return_is_told_as_such(name):
    if name != "09-check_uses":
        assert "gives nothing back" in CHECKS[name](lambda *_: None).message


@pytest.mark.parametrize("name", TABLES)
def test_an_exercise_is_tried_on_two_inputs_that_no_answer_of_a_reader_can_change(name):
    if isinstance(TABLES[name], Exercise) and not name.startswith("05-EXITS"):
        assert len(TABLES[name].tries) > 1


@pytest.mark.parametrize("name", [name for name, found in TABLES.items() if isinstance(found, Answer)])
def test_a_number_far_off_is_told_its_direction_and_a_word_that_a_number_is_needed(name):
    assert CHECKS[name](1.234e9).message == "Too large: what is the most that it could be?"
    assert CHECKS[name](-1.234e9).message == "Too small: what is the least that it could be?"
    assert CHECKS[name]("two").message == "A number is needed, this is a str: 'two'."
