// Waits for rows in a database that another process writes; see row_watch.py.
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { sleep, spawnTied, stopChild } from '../../devnet/lib/process.mjs';

const program = fileURLToPath(new URL('row_watch.py', import.meta.url));

/** Milliseconds of the clock that row_watch.py uses too. */
export const monotonicMs = () => Number(process.hrtime.bigint()) / 1e6;

/** Follows the one value of a query. .value is the last one, .atMs when it was seen first. */
export class RowWatch {
    #child;

    constructor(file, sql, { everyMs = 1 } = {}) {
        this.#child = spawnTied('/usr/bin/python3', [program, file, sql, String(everyMs)],
            { stdio: ['ignore', 'pipe', 'inherit'] });
        createInterface({ input: this.#child.stdout }).on('line', (line) => {
            const [value, nanoseconds] = line.split(' ');
            this.value = Number(value);
            this.atMs = Number(nanoseconds) / 1e6;
        });
    }

    /** Waits until the value is at least `wanted`; returns when that was seen. */
    async reaches(wanted, { timeoutMs = 60_000 } = {}) {
        const deadline = Date.now() + timeoutMs;
        while (!(this.value >= wanted)) {
            if (Date.now() > deadline) throw new Error(`${this.value} is still below ${wanted}`);
            await sleep(1);
        }
        return this.atMs;
    }

    stop() {
        return stopChild(this.#child);
    }
}
