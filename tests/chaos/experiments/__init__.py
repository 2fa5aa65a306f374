"""One thing broken on purpose in a house of real processes, and what comes of it, with figures.

make experiments          on the embedded defaults
make experiments-full     on PostgreSQL and Redis
"""
