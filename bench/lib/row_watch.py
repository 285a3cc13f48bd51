"""Tells when the result of a query changes: row_watch.py FILE SQL INTERVAL_MS.

Prints "value monotonic_ns" for each new value, read from the daemon's database file by a process of its own,
so what it sees is committed.
"""
import sqlite3
import sys
import time

path, sql, interval_ms = sys.argv[1], sys.argv[2], float(sys.argv[3])
database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10, isolation_level=None)
last = None
while True:
    value = database.execute(sql).fetchone()[0]
    if value != last:
        last = value
        print(value, time.monotonic_ns(), flush=True)
    time.sleep(interval_ms / 1000)
