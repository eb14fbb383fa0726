"""Trains the runs of the long matrix, all or a part of them, and says how far the backends are apart.

python tests/long_matrix.py                   all of them
python tests/long_matrix.py --runs 50         as many, drawn by the commit, or by --seed
python tests/long_matrix.py --only 417 421    these
python tests/long_matrix.py --trees 500       layer trees instead, drawn from --begin on
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from matrix import product, trees
from matrix.trainings import BOUNDS, differences, pair
from support import one_tensorflow_thread


def main() -> None:
    """Ends with exit code 1 where any run is beyond its bounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, help="how many runs")
    parser.add_argument("--seed", default=product.commit(), help="decides which")
    parser.add_argument("--only", type=int, nargs="+", help="the numbers of runs")
    parser.add_argument("--trees", type=int, help="how many layer trees to draw")
    parser.add_argument("--begin", type=int, default=0, help="where drawing trees begins")
    chosen = parser.parse_args()
    one_tensorflow_thread()
    if chosen.trees:
        trees.check(chosen.trees, chosen.begin)
        print(f"{chosen.trees} trees, drawn from {chosen.begin} on, train alike")
        return
    sys.exit(train(chosen.only or product.part(chosen.seed, chosen.runs or len(product.RUNS)), chosen.seed))


def train(numbers: list[int], seed: str) -> bool:
    """Trains runs, by their numbers; returns whether any of them failed."""
    print(f"{len(numbers)} of {len(product.RUNS)} runs, seed {seed}")
    worst: Counter[str] = Counter()
    failed = 0
    for number in numbers:
        begun = time.perf_counter()
        try:
            found = differences(*pair(product.overrides(number)))
        except Exception as error:
            failed += 1
            print(f"{product.name(number)}: {type(error).__name__}: {error}", flush=True)
            continue
        is_apart = any(found[kind] > bound for kind, bound in BOUNDS.items())
        failed += is_apart
        worst |= Counter(found)
        shown = ", ".join(f"{kind} {value:.1e}" for kind, value in found.items())
        seconds = time.perf_counter() - begun
        print(f"{'APART ' * is_apart}{product.name(number)}: {shown}, {seconds:.1f} s", flush=True)
    print(f"failed: {failed}; worst: {', '.join(f'{kind} {value:.1e}' for kind, value in worst.items())}")
    return failed > 0


if __name__ == "__main__":
    main()
