#!/usr/bin/env node
// Runs test files, several at once: one "node --test FILE" for each, the longest first. Prints a line for each file
// that has ended, then all that failed ones have said, and a summary; ends with 1 when anything failed or did not run.
//
//   node tests/integration/run.mjs [--at-once N] [FILE…]
//
// Without files: all below this folder. N is the number of cores and one more, or TESTS_AT_ONCE.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = fileURLToPath(new URL('.', import.meta.url));
// Seconds that these files took on a busy machine; who is not here is short. Only the order depends on it.
const LONG = {
    disk_points: 960, crash_points: 600, kills: 320, liars: 240, crashes: 180, payouts: 140, nodes: 120,
    payout_tokens: 110, reading: 110, disk: 90, pay: 60, sdk: 130,
};

function filesBelow(folder) {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) return filesBelow(path);
        return entry.name.endsWith('.test.mjs') ? [path] : [];
    });
}

// Each file has ports of its own, below those that the kernel gives away.
const FIRST_PORT = 12_000;
const PORTS_EACH = 400;
const PORT_RANGES = 50;
const TOLD_MAX = 20;
// Logs that a test showed although it passed.
const NOISE = /^ *# (----|\\#|\{)/;
const children = new Set();

const secondsOf = (file) => LONG[basename(file, '.test.mjs')] ?? 0;

const COUNTS = ['tests', 'pass', 'fail', 'cancelled', 'skipped', 'todo'];

/** What the run of a file says of itself: { counts, skipped, told }; skipped tests and diagnostics are lines. */
function read(output) {
    const lines = output.split('\n');
    const counts = Object.fromEntries(COUNTS.map((name) => {
        const last = lines.findLast((line) => line.startsWith(`# ${name} `));
        return [name, last === undefined ? undefined : Number(last.split(' ')[2])];
    }));
    const skipped = lines.filter((line) => /^ *ok .* # SKIP/.test(line));
    const told = lines.filter((line) => /^ *# /.test(line))
        .filter((line) => !/^ *# (Subtest:|suites |duration_ms )/.test(line) && !NOISE.test(line))
        .filter((line) => !COUNTS.some((name) => line.startsWith(`# ${name} `)));
    return { counts, skipped, told };
}

/** Runs one file; `place` is its place among all, by which it has ports of its own. */
async function run(file, place) {
    const begin = Date.now();
    const from = FIRST_PORT + (place % PORT_RANGES) * PORTS_EACH;
    const child = spawn(process.execPath, ['--test', '--test-reporter=tap', file], {
        stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TEST_PORTS: `${from}-${from + PORTS_EACH - 1}` },
    });
    children.add(child);
    let output = '';
    const keep = (text) => { output += text; };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', keep);
    const code = await new Promise((done) => {
        child.on('error', (error) => { keep(error.stack); });
        child.on('close', done);
    });
    children.delete(child);
    const { counts, skipped, told } = read(output);
    const isGood = code === 0 && counts.pass + counts.skipped > 0 && counts.fail === 0 && counts.cancelled === 0;
    return { name: relative(process.cwd(), file), seconds: Math.round((Date.now() - begin) / 1000), output, counts,
        skipped, told, isGood };
}

function report({ name, seconds, counts, skipped, told, isGood }) {
    const numbers = ['pass', 'fail', 'cancelled', 'skipped'].map((kind) => `${counts[kind] ?? '?'} ${kind}`).join(', ');
    console.log(`${isGood ? 'ok    ' : 'FAILED'} ${String(seconds).padStart(4)} s  ${name}: ${numbers}`);
    for (const line of isGood ? [...skipped, ...told.slice(-TOLD_MAX)] : []) console.log(`             ${line.trim()}`);
}

/** What failed stands last, where a reader of the end of a log finds it. */
function summary(results, seconds) {
    for (const { name, output, isGood } of results) {
        if (!isGood) console.log(`---- all that ${name} said\n${output.trimEnd()}\n---- end of ${name}`);
    }
    const sum = (kind) => results.reduce((total, { counts }) => total + (counts[kind] ?? 0), 0);
    const numbers = COUNTS.map((kind) => `${sum(kind)} ${kind}`).join(', ');
    console.log(`\n${results.length} files in ${seconds} s: ${numbers}`);
    for (const { skipped } of results) for (const line of skipped) console.log(`SKIPPED ${line.trim()}`);
    for (const { name, isGood } of results) if (!isGood) console.log(`FAILED  ${name}`);
}

async function main() {
    const { values, positionals } = parseArgs({ options: { 'at-once': { type: 'string' } }, allowPositionals: true });
    const atOnce = Number(values['at-once'] ?? process.env.TESTS_AT_ONCE ?? cpus().length + 1);
    const files = (positionals.length > 0 ? positionals : filesBelow(here)).sort()
        .sort((a, b) => secondsOf(b) - secondsOf(a));
    const begin = Date.now();
    const results = [];
    let next = 0;
    const worker = async () => {
        while (next < files.length) {
            next += 1;
            const result = await run(files[next - 1], next);
            report(result);
            results.push(result);
        }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    summary(results, Math.round((Date.now() - begin) / 1000));
    const isGood = files.length > 0 && results.length === files.length && results.every((one) => one.isGood);
    process.exitCode = isGood ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
        for (const child of children) child.kill(signal);
        process.exit(1);
    });
}
await main();
