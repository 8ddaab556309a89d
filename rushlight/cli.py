"""The command line: ``rushlight demo``, ``data`` and ``cache``, and ``rushlight --version``."""

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
    data = commands.add_parser(
        "data", add_help=False, help="look at a data set: batches, times, a picture"
    )
    data.set_defaults(run=run_data)
    cache = commands.add_parser(
        "cache", add_help=False, help="show what compiled code is kept on disk, or clear it"
    )
    cache.set_defaults(run=run_cache)
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


def run_data(arguments: list[str]) -> int:
    """Look at a data set and at how it is loaded."""
    from rushlight.insight import loading

    return loading.main(arguments)


def run_cache(arguments: list[str]) -> int:
    """Show the folder of compiled kernels, or empty it."""
    from rushlight.engines.cpu import cache

    parser = argparse.ArgumentParser(
        prog="rushlight cache",
        description="Show what compiled code is kept on disk. RUSHLIGHT_CACHE names another folder "
        "(or is off), RUSHLIGHT_CACHE_SIZE says how much it may hold.",
    )
    parser.add_argument("--clear", action="store_true", help="remove all of it")
    chosen = parser.parse_args(arguments)
    place = cache.store()
    if place is None:
        print(f"compiled code is not kept (folder: {cache.folder() or 'off'})")
        return 0
    if chosen.clear:
        place.clear()
    used, most = place.usage(), cache.most_bytes()
    print(f"folder   {place.place}")
    print(f"entries  {used.entries}")
    print(f"size     {used.nbytes / 2**20:.1f} MiB of at most {most / 2**20:.1f} MiB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
