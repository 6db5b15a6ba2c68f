"""`python -m kjnb.embedded --home DIR`: the server alone, in the foreground."""

from __future__ import annotations

import argparse
import sys


def main() -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m kjnb.embedded", description=__doc__)
    parser.add_argument("--home", help="where the state is kept (default: KJNB_HOME, or ~/.kjnb)")
    parser.add_argument(
        "--backoff-base", type=float, default=10.0, help="seconds before the first retry, doubled each time"
    )
    parser.add_argument("--port", type=int, default=0, help="0: the last one if it is free, else any")
    parser.add_argument("--idle", type=float, default=86_400.0, help="seconds without any use after which it ends")
    parser.add_argument("--finished-pods", type=int, default=12_500, help="how many pods that are over are kept")
    parser.add_argument("--starting", type=int, help=argparse.SUPPRESS)  # the starter's lock, until it has its place
    asked = parser.parse_args()
    from kjnb.embedded.serve import serve

    return serve(
        asked.home,
        backoff_base=asked.backoff_base,
        port=asked.port,
        idle=asked.idle,
        finished_pods=asked.finished_pods,
        starting=asked.starting,
    )


if __name__ == "__main__":
    sys.exit(main())
