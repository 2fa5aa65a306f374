"""Everything breaks at random while people write; then both sides' histories are compared.

    python -m tests.chaos --seconds 120 --seed 7
    python -m scripts.services python -m tests.chaos --full

Prints a table and ends with 1 if anything was lost, doubled, out of order or leaked.
"""
