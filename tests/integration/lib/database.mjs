// A look into the daemon's file from outside, by another reader than the daemon's own: Python's sqlite3, which
// Debian brings along. Tests use it to see what no API tells, and to damage what must be mended.
import { spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { spawnTied, stopChild } from '../../../devnet/lib/process.mjs';

const FUNCTIONS = `
import json, sqlite3, sys
def plain(value):
    return value.hex() if isinstance(value, bytes) else value
def answer(order):
    mode = "rw" if order.get("write") else "ro"
    db = sqlite3.connect("file:%s?mode=%s" % (order["path"], mode), uri=True, timeout=10, isolation_level=None)
    try:
        db.row_factory = sqlite3.Row
        if order.get("write"):
            db.executescript(order["write"])
        db.execute("BEGIN")
        return {name: [{key: plain(row[key]) for key in row.keys()} for row in db.execute(sql)]
                for name, sql in order.get("queries", {}).items()}
    finally:
        db.close()
`;
const PROGRAM = `${FUNCTIONS}
json.dump(answer(json.load(sys.stdin)), sys.stdout)
`;
const SERVER = `${FUNCTIONS}
for line in sys.stdin:
    try:
        print(json.dumps({"rows": answer(json.loads(line))}), flush=True)
    except Exception as error:
        print(json.dumps({"error": repr(error)}), flush=True)
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

/** A reader for tests that look often: one process, and nothing else has to wait while it reads. */
export class Reader {
    #child = spawnTied('python3', ['-c', SERVER], { stdio: ['pipe', 'pipe', 'inherit'] });
    #waiting = [];

    constructor(path) {
        this.path = path;
        createInterface({ input: this.#child.stdout }).on('line', (line) => {
            const { rows, error } = JSON.parse(line);
            const { done, fail } = this.#waiting.shift();
            if (error) fail(new Error(`the database could not be read: ${error}`));
            else done(rows);
        });
    }

    /** As queryAll(). */
    all(queries) {
        this.#child.stdin.write(`${JSON.stringify({ path: this.path, queries })}\n`);
        return new Promise((done, fail) => { this.#waiting.push({ done, fail }); });
    }

    async rows(sql) {
        return (await this.all({ rows: sql })).rows;
    }

    close() {
        return stopChild(this.#child);
    }
}
