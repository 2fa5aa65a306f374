"""What a developer's machine runs around the product: the demo, the checks, servers for tests."""
