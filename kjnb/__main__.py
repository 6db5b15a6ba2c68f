"""`python -m kjnb` is `kjnb`, where the script is not on the PATH."""

import sys

from kjnb.cli import main

if __name__ == "__main__":
    sys.exit(main())
