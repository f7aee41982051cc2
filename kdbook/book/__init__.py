"""What is measured: one file a question, with its arms, its measure and its figures.

`tables` holds questions that are answered from committed tables, without training; `shared` what several questions do.
How a trial is run and stored is the lab's business (`kdbook.lab`), what a figure is made of that of `kdbook.show`.
"""
