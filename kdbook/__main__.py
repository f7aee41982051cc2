"""The command line: `python -m kdbook COMMAND`."""

import json
import os
import sys
from pathlib import Path

from kdbook import LACKING, lab, show
from kdbook.data.files import REFERENCE, REPOSITORY
from kdbook.lab import PROFILES, arms

try:
    import click
except ModuleNotFoundError:
    sys.exit(LACKING.format("click", "book"))

profile_option = click.option("--profile", type=click.Choice(PROFILES), default="quick", show_default=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli():
    """A workbook on knowledge distillation: run its experiments, draw its figures, check its claims."""


@cli.command("list")
def list_():
    """The questions of the book, and what the committed results of each took."""
    on_gpu = arms.on_gpu()
    for name in arms.names():
        about = REFERENCE / f"{name}.json"
        told = json.loads(about.read_text()) if about.exists() else {"trials": 0, "seconds": 0}
        gpu = "; has a profile gpu" if name in on_gpu else ""
        took = f"full: {told['trials']} trials, {told['seconds'] / 60:.0f} min{gpu}"
        click.echo(f"{name:26}{arms.asked(name)}\n{'':26}{took}")


@cli.command()
@click.argument("experiment", type=click.Choice(arms.names()))
@profile_option
@click.option("--seeds", type=int, default=0, help="Number of seeds; 0 = the profile's own.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--engine", default="local", show_default=True, help="Where trials run: local, or ray.")
@click.option("--address", default=None, help="Of a Ray cluster; default: RAY_ADDRESS, else this machine.")
@click.option("--rerun", is_flag=True, help="Forget this experiment's stored trials first.")
@click.option("--use", default="research", show_default=True, help="What for: refused where the terms forbid it.")
def run(experiment, profile, seeds, device, engine, address, rerun, use):
    """Train what the store lacks of EXPERIMENT and print its table. Interrupt and repeat at will.

    A full run tells how many hours are left, and takes one thread, so that two may run side by side; OMP_NUM_THREADS
    gives it more.
    """
    import torch

    from kdbook.lab.status import status

    if profile == "full":
        if "OMP_NUM_THREADS" not in os.environ:
            torch.set_num_threads(1)
        columns = ["question", "done", "wanted", "hours_left"]
        click.echo(status([experiment])[columns].to_string(index=False, na_rep="not known yet", float_format="%.1f"))
    table = lab.run(experiment, profile, seeds, device, engine, rerun, address=address, use=use)
    click.echo(table.to_string(index=False))
    click.echo(f"{table.info['trials']} trials, {table.info['seconds']:.0f} s of training, on {table.info['device']}")


@cli.command()
@click.argument("arm")
@click.option("--seed", type=int, default=None, help="Default: all that are trained.")
def keep(arm, seed):
    """Let trained nets of ARM, such as hinton_mnist/teacher, travel in results/weights."""
    click.echo(f"{lab.keep(arm, seed)} nets of {arm} in {lab.WEIGHTS}")


@cli.command()
@click.argument("questions", nargs=-1, type=click.Choice(arms.names()))
def status(questions):
    """How far the references are: trials done and wanted, hours left, VERSION, and gates passed."""
    from kdbook.lab.status import status

    click.echo(status(questions).to_string(index=False, na_rep="-", float_format="%.1f"))


@cli.command()
@profile_option
@click.option("--device", default="auto", show_default=True)
def prepare(profile, device):
    """Train the nets that several experiments share, so that chapters can run side by side."""
    click.echo(f"{lab.prepare(profile, device)} shared trials are ready")


@cli.command()
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Executed notebook to write.")
@click.option("--profile", type=click.Choice(PROFILES), default=None, help="Default: what the notebook says.")
@click.option("--clean", is_flag=True, help="As committed: default parameters, figures and results left alone.")
def execute(source, output, profile, clean):
    """Execute the chapter SOURCE (a .py) by papermill."""
    parameters = None if clean else {"PROFILE": profile or "quick"}
    lab.execute(source, output, parameters, None if clean else output.parent)
    click.echo(f"{source} executed into {output}")


@cli.command()
@profile_option
@click.argument("chapters", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_context
def book(context, profile, chapters):
    """Execute CHAPTERS (.py; default: all) one by one, then print the ledger: `make book` where there is no make."""
    context.invoke(prepare, profile=profile)
    for source in chapters or sorted(REPOSITORY.glob("notebooks/[0-9]*.py")):
        output = lab.output_folder(profile) / f"{source.stem}.ipynb"
        context.invoke(execute, source=source, output=output, profile=profile)
    context.invoke(claims, profile=profile)


@cli.command()
def figures():
    """Draw every figure of the book from results/full; nothing is trained."""
    click.echo(f"{len(show.draw_all())} figures in {show.COMMITTED}")


@cli.command()
@profile_option
@click.option("--write", is_flag=True, help="Write results/CLAIMS.md and the README's summary instead.")
def claims(profile, write):
    """Print the ledger: claim, published, reference, yours, verdict."""
    if write:
        click.echo(f"wrote {lab.write_markdown()} and the summary in {lab.write_summary()}")
    else:
        lab.print_table(quick_folder=lab.output_folder() if profile == "quick" else None)


@cli.command()
@click.option("--write", is_flag=True, help="Name its cards in the .json of each committed result; numbers stay.")
def cards(write):
    """Print what the book learns from, with licences and terms on training other models."""
    if write:
        click.echo(f"cards of {len(lab.write_into(REFERENCE))} results in {REFERENCE}")
        return
    for card in lab.load_cards().values():
        forbidden = f"; forbids {', '.join(card.forbids)}" if card.forbids else ""
        click.echo(f"{card.id:24}{card.licence}: {card.terms}{forbidden}")


@cli.command()
def doctor():
    """Check this machine: versions, device, data, disk; what is missing and how to get it. No network is asked."""
    if lab.print_lines(lab.examine()):
        raise SystemExit(1)


def main():
    """Run a command; a foreseeable failure ends with one clear line and a non-zero exit."""
    try:
        cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        told = "finished trials and the last checkpoint are kept; repeat the command to go on"
        click.echo(f"\ninterrupted: {told}", err=True)
        sys.exit(130)
    except (ValueError, KeyError, OSError, RuntimeError, FloatingPointError, ModuleNotFoundError) as error:
        click.echo(f"{type(error).__name__}: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
