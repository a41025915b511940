"""``python -m fidac_node``: the same command as ``fidac-node``."""

from fidac_node.cli import main

if __name__ == "__main__":
    main()
