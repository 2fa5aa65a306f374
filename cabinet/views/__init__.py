"""The pages, one module a story. A view authenticates, validates, calls one service and answers."""
