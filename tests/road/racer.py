"""One of several processes that try to commit the same indexes: `python racer.py STAGE NAME COUNT`.

Before each index it waits for a line, so that all racers start together; it answers whether it won.
"""

import sys

from kjnb.worker.layout import Layout, commit


def main(root: str, name: str, count: int) -> None:
    layout = Layout(root)
    for index in range(count):
        sys.stdin.readline()
        content = (f"{name} {index} ".encode() * 2000)[: 1000 + 37 * (index % 100)]
        won = commit(layout, index, name, "json", content)
        print(int(won), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
