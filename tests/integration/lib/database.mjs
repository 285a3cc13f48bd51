// A look into the daemon's file from outside, by another reader than the daemon's own: Python's sqlite3, which
// Debian brings along. Tests use it to see what no API tells, and to damage what must be mended.
import { spawnSync } from 'node:child_process';

const PROGRAM = `
import json, sqlite3, sys
order = json.load(sys.stdin)
mode = "rw" if order.get("write") else "ro"
db = sqlite3.connect("file:%s?mode=%s" % (order["path"], mode), uri=True, timeout=10, isolation_level=None)
db.row_factory = sqlite3.Row
if order.get("write"):
    db.executescript(order["write"])
def plain(value):
    return value.hex() if isinstance(value, bytes) else value
db.execute("BEGIN")
json.dump({name: [{key: plain(row[key]) for key in row.keys()} for row in db.execute(sql)]
           for name, sql in order.get("queries", {}).items()}, sys.stdout)
`;

function run(order) {
    const { status, stdout, stderr } = spawnSync('python3', ['-c', PROGRAM], {
        input: JSON.stringify(order), encoding: 'utf8', timeout: 20_000, maxBuffer: 64 * 1024 * 1024,
    });
    if (status !== 0) throw new Error(`the database could not be read: ${stderr}`);
    return JSON.parse(stdout);
}

/** Runs several queries on one snapshot: { name: sql } -> { name: [row, …] }. */
export const queryAll = (path, queries) => run({ path, queries });

/** One query; its rows. Big integers are text in this database, so nothing is lost. */
export const query = (path, sql) => run({ path, queries: { rows: sql } }).rows;

/** Runs statements on the file of a daemon that is stopped. */
export const execute = (path, statements) => run({ path, write: statements });
