"""The program `mesh`. It leaves the environment of its caller before it imports anything that reads it."""

from mesh.local import environment


def main() -> None:
    """Run the command line."""
    environment.isolate()
    from mesh.local import cli

    cli.main()


if __name__ == "__main__":
    main()
