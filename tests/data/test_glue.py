import pytest

from kdbook.data import glue

RTE = "index\tsentence1\tsentence2\tlabel\n"


@pytest.fixture
def folder(tmp_path):
    """GLUE's layout with a few lines of two tasks: one with a header and pairs, one without."""
    for task in ("RTE", "CoLA"):
        (tmp_path / task).mkdir()
    lines = [f'{i}\tA "quoted dog number {i}\tA dog.\t{"not_" * (i % 2)}entailment\n' for i in range(200)]
    (tmp_path / "RTE" / "train.tsv").write_text(RTE + "".join(lines))
    (tmp_path / "RTE" / "dev.tsv").write_text(RTE + "0\tRain fell.\tIt rained.\tentailment\n")
    (tmp_path / "CoLA" / "train.tsv").write_text("gj04\t1\t\tThe dog barked.\ngj04\t0\t*\tDog the barked.\n")
    return tmp_path


def test_pairs_come_with_labels_in_the_order_of_the_tasks_names(folder):
    assert glue.load(folder, "RTE", "test")[0] == [("Rain fell.", "It rained.")]
    texts, labels = glue.load(folder, "RTE", "train")
    assert len(texts) == 200 and texts[0][0].startswith('A "quoted')
    assert all(int(first.split()[-1]) % 2 == label for (first, _), label in zip(texts, labels.tolist(), strict=True))


def test_files_without_a_header_are_read_by_column_number(folder):
    texts, labels = glue.load(str(folder), "CoLA", "train")
    assert dict(zip(texts, labels.tolist(), strict=True)) == {"The dog barked.": 1, "Dog the barked.": 0}


def test_fit_and_validation_divide_the_training_file(folder):
    fit, validation, train = (set(glue.load(folder, "RTE", part)[0]) for part in ("fit", "validation", "train"))
    assert fit.isdisjoint(validation) and fit | validation == train
    assert 5 < len(validation) < 35


def test_a_limit_cuts_a_random_order_that_the_seed_chooses(folder):
    first = glue.load(folder, "RTE", "fit", 20, seed=1)[0]
    assert len(first) == 20 and first == glue.load(folder, "RTE", "fit", seed=1)[0][:20]
    assert first != glue.load(folder, "RTE", "fit", 20, seed=2)[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("index\tpremise\tsentence2\tlabel\n", "lacks the column 'sentence1'; it has index, premise"),
        ("", "lacks the column 'sentence1'; it has no line"),
        (RTE + "0\ta\tb\tentailment\n1\ta\tb\tmaybe\n", "line 3: needs texts and a label of entailment"),
        (RTE + "0\ta\tb\n", "line 2: needs texts"),
        (RTE + "0\t\tb\tentailment\n", "line 2: needs texts"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(folder, content, message):
    (folder / "RTE" / "dev.tsv").write_text(content)
    with pytest.raises(ValueError, match=message):
        glue.load(folder, "RTE", "test")


def test_a_missing_file_says_where_it_belongs(folder):
    with pytest.raises(FileNotFoundError, match=r"MNLI/dev_matched.tsv is missing: put GLUE's files there"):
        glue.load(folder, "MNLI", "test")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("STS-B", "fit"), "task must be one of CoLA"),
        (("RTE", "dev"), "part must be one of fit"),
        (("RTE", "fit", 0), "limit must be 1 or more"),
    ],
)
def test_what_there_is_is_named_when_something_unknown_is_asked_for(folder, asked, message):
    with pytest.raises(ValueError, match=message):
        glue.load(folder, *asked)
