"""Search over numbers, subjects, messages and file names, in Russian and English word forms.

`words`      what a text says and what is asked for: the same Python on every database
`indexing`   keeps the words of cases and messages, in the transaction of the rows they come from
`following`  calls it, whichever way a row is written
`schema`     the index over them: SQLite's FTS5, PostgreSQL's GIN
`lookup`     the cases in which everything asked for occurs
`excerpts`   where it occurs, with the words marked

A case is found by all its words together, whichever message says them, and shown with the one that says most.
"""

from cabinet.search.folding import FoldedField, fold

__all__ = ["FoldedField", "fold"]
