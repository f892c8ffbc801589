"""The command `crossing-collector`. Installed scripts call `main` by this name."""


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    from collector.cli.program import main as run  # noqa: PLC0415  # a part of the command needs not all of it

    return run(argv)
