// What a run was made on, how busy that was, and what a process used.
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { sleep } from '../../devnet/lib/process.mjs';

const CLOCK_TICKS_PER_SECOND = 100;

export function machine() {
    const cpus = os.cpus();
    return {
        cpu: cpus[0].model, cores: cpus.length, memoryGiB: Math.round(os.totalmem() / 2 ** 30),
        kernel: os.release(), node: process.version,
    };
}

export const load = () => Number(os.loadavg()[0].toFixed(2));

/** Waits until the machine has nothing else to do; gives up after a while and says so by what it returns. */
export async function quiet({ below = Number(process.env.BENCH_LOAD ?? 0.7), timeoutMs = 300_000 } = {}) {
    const deadline = Date.now() + timeoutMs;
    while (load() >= below && Date.now() < deadline) await sleep(2_000);
    return load();
}

function read(path) {
    try {
        return readFileSync(path, 'utf8');
    } catch {
        return '';  // The process has ended meanwhile.
    }
}

function descendants(pid) {
    const children = read(`/proc/${pid}/task/${pid}/children`).trim().split(/\s+/).filter(Boolean);
    return [pid, ...children.flatMap((child) => descendants(Number(child)))];
}

/** CPU seconds so far and peak resident MiB of a process and its children; ask before it ends. */
export function usage(pid) {
    let cpuSeconds = 0;
    let peakMiB = 0;
    for (const one of descendants(pid)) {
        const fields = read(`/proc/${one}/stat`).split(') ').pop().split(' ');
        // utime and stime; those of children that have ended follow.
        for (const field of fields.slice(11, 15)) cpuSeconds += Number(field) / CLOCK_TICKS_PER_SECOND;
        peakMiB += Number(/VmHWM:\s+(\d+)/.exec(read(`/proc/${one}/status`))?.[1] ?? 0) / 1024;
    }
    return { cpuSeconds: Number(cpuSeconds.toFixed(2)), peakMiB: Number(peakMiB.toFixed(1)) };
}

/** Resident MiB right now. */
export function resident(pid) {
    return Number((Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1024).toFixed(1));
}
