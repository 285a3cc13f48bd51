// Results go to the terminal as lines of JSON, and with machine, load and date to build/bench/results.jsonl.
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { load, machine } from './machine.mjs';
import { workDir } from './paths.mjs';

export function report(bench, result) {
    const line = { bench, at: new Date().toISOString(), load: load(), ...result };
    console.log(JSON.stringify(line));
    mkdirSync(workDir, { recursive: true });
    appendFileSync(join(workDir, 'results.jsonl'), `${JSON.stringify({ ...line, machine: machine() })}\n`);
}

/** What happens between results, for people who wait. */
export const say = (text) => console.error(`# ${text}`);
