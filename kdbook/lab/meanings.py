"""What columns mean that several questions measure, said once; a question adds its own to `columns(...)`."""

MEANINGS = {
    "arm": "condition",
    "seed": "seed of weights and order",
    "teacher_seed": "seed of the teacher; seed mod number of teachers",
    "test_errors": "wrong answers on the 10,000 test images, last epoch",
    "parameters": "trainable parameters",
    "agreement": "share of test images with the teacher's top class",
    "mean_kl": "mean KL(teacher || student) over test images at T = 1, nats",
    "temperature": "T of the soft term",
    "multiply_adds": "multiply-adds for one image",
    "milliseconds": "median time of one forward pass, ms",
    "processor_milliseconds": "processor time of one pass, all threads together, ms: others' work changes it little",
    "cpu_share": "processor time used while timing, % of all threads' time: far below 100 = others used the machine",
    "ece": "expected calibration error on test images, 15 bins, %",
    "train_seconds": "wall time of this training, seconds",
    "size_ratio": "the teacher's parameters / the student's",
    "transfer_images": "images that the student saw",
    "best_epoch": "that epoch, counted from 1",
    "kl_scaled": "mean T^2 KL(teacher || student), nats",
    "logit_gap": "root mean square difference of student's and teacher's centred logits over test images",
    "width": "units in each of the two hidden layers",
    "matmul_share": "multiply-adds a second, in % of a matrix product's in the same process",
    "score": "right answers on the test part, %, last epoch",
}


def columns(names: str, **own: str) -> dict[str, str]:
    """Columns in the order of the table: shared ones by name, a question's own with their meaning.

    Parameters
    ----------
    names : str
        Column names, apart by blanks; the order of the table.
    **own : str
        Meanings of those that are not shared, or that mean something else here.

    Raises
    ------
    KeyError
        For a name that has no meaning.
    """
    meanings = {**MEANINGS, **own}
    return {name: meanings[name] for name in [*names.split(), *own]}
