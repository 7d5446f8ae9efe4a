"""python -m registry_server, and the console script registry-server."""

import sys

from registry_server.cli.run import run


def main() -> None:
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
