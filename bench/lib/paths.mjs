// Where things are, and how the C++ helpers are called.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('../../', import.meta.url));
/** Everything that benchmarks write: the chain, databases, results. */
export const workDir = join(repository, 'build/bench');
const buildDir = resolve(process.env.DEPOSITD_BUILD ?? join(repository, 'build/release'));

function built(path) {
    const file = join(buildDir, path);
    if (!existsSync(file)) throw new Error(`${file} does not exist: see bench/README.md`);
    return file;
}

export const depositd = () => built('daemon/depositd');
export const tool = (name) => built(`bench/bench_${name}`);

/** Runs one of the C++ helpers and returns what it printed. */
export function runTool(name, args) {
    return execFileSync(tool(name), args.map(String), { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
}

const scratches = [];
process.once('exit', () => {
    if (process.env.KEEP_BENCH_FILES) return;
    for (const dir of scratches) rmSync(dir, { recursive: true, force: true });
});

/** A folder for one run, gone when the process ends unless KEEP_BENCH_FILES is set. */
export function scratch(name) {
    mkdirSync(workDir, { recursive: true });
    const dir = mkdtempSync(join(workDir, `${name}-`));
    scratches.push(dir);
    return dir;
}
