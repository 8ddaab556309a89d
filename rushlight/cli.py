"""The command line: ``rushlight demo`` and ``rushlight --version``."""

import argparse
from importlib import metadata


def main(arguments: list[str] | None = None) -> int:
    """Run the command that ``arguments`` name, by default those of the process."""
    parser = make_parser()
    chosen, rest = parser.parse_known_args(arguments)
    if chosen.command is None:
        parser.print_help()
        return 0
    return chosen.run(rest)


def make_parser() -> argparse.ArgumentParser:
    """The commands; each reads its own arguments, and is imported when it is called."""
    parser = argparse.ArgumentParser(
        prog="rushlight", description="A deep-learning framework in Python."
    )
    parser.add_argument("--version", action="version", version=f"rushlight {version()}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    demo = commands.add_parser(
        "demo", add_help=False, help="train a small network on handwritten digits"
    )
    demo.set_defaults(run=run_demo)
    return parser


def version() -> str:
    """The installed version, or a word for a source tree that was never installed."""
    try:
        return metadata.version("rushlight")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def run_demo(arguments: list[str]) -> int:
    """The first example, as it stands in ``rushlight/examples/digits.py``."""
    from rushlight.examples import digits

    return digits.main(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
