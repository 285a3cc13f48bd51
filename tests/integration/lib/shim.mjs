// The preloaded library that makes disk and wire fail on command: see ../shim/faults.c.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
    copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('../shim/faults.c', import.meta.url));
const COUNTERS = ['write', 'sync', 'raw', 'send', 'struck'];

let library;

/** Builds the library once per test process. */
function built() {
    if (library) return library;
    const dir = mkdtempSync(join(tmpdir(), 'depositd-shim-'));
    process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
    library = join(dir, 'faults.so');
    const args = ['-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-O1', '-o', library, SOURCE, '-lpthread'];
    const { status, stderr, error } = spawnSync('cc', args, { encoding: 'utf8' });
    assert.equal(status, 0, `the shim could not be built: ${error?.message ?? stderr}`);
    return library;
}

/** The faulty disk and wire of one daemon. */
export class Shim {
    #serial = 0;

    /** `port`: the node's, for kinds of event that have to do with sending. */
    constructor(daemon, { port } = {}) {
        this.daemon = daemon;
        this.port = port;
        this.flag = join(daemon.dir, 'fault');
        this.counters = join(daemon.dir, 'fault-counters');
        this.sentFile = join(daemon.dir, 'sent');
        this.synced = join(daemon.dir, 'synced');
    }

    /** The environment for the daemon's start. `at` as 'write:7', `how` as 'ENOSPC'; both left out only counts. */
    env({ at, how, once = false, synced = false, armed = true } = {}) {
        rmSync(this.counters, { force: true });
        if (armed) this.arm();
        else this.disarm();
        if (synced) this.#keepSynced();
        return {
            LD_PRELOAD: built(), FAULT_DB: this.daemon.databaseFile, FAULT_FLAG: this.flag,
            FAULT_COUNTERS: this.counters, FAULT_SENT: this.sentFile,
            ...(this.port ? { FAULT_PORT: String(this.port) } : {}),
            ...(at ? { FAULT_AT: at, FAULT_HOW: how } : {}),
            ...(once ? { FAULT_ONCE: '1' } : {}),
            ...(synced ? { FAULT_SYNCED: this.synced } : {}),
        };
    }

    /** From here on events count towards `at`: that of env(), or the one given here, which may be struck in this life. */
    arm({ at, how, once = false } = {}) {
        this.#serial += 1;
        // Whole or not at all: the daemon reads it at each event.
        writeFileSync(`${this.flag}.part`, at ? `${at} ${how} ${once ? 'once' : 'on'} ${this.#serial}` : '');
        renameSync(`${this.flag}.part`, this.flag);
    }

    /** The disk has room again. */
    disarm() {
        rmSync(this.flag, { force: true });
    }

    /** { write, sync, raw, send, struck } of the daemon that was last started with env(). */
    counts() {
        if (!existsSync(this.counters)) return Object.fromEntries(COUNTERS.map((name) => [name, 0]));
        const bytes = readFileSync(this.counters);
        return Object.fromEntries(COUNTERS.map((name, index) => [name, Number(bytes.readBigUInt64LE(index * 8))]));
    }

    /** The transactions that any life has sent, as hex, each once; forgets them. */
    takeSent() {
        if (!existsSync(this.sentFile)) return [];
        const text = readFileSync(this.sentFile, 'utf8');
        rmSync(this.sentFile);
        return [...new Set([...text.matchAll(/"0x([0-9a-f]{100,})"/gi)].map(([, raw]) => raw.toLowerCase()))];
    }

    #files(folder) {
        const name = basename(this.daemon.databaseFile);
        return ['', '-wal'].map((tail) => join(folder, name + tail));
    }

    /** A daemon that ended in the orderly way has nothing unsynced: its files are where the copies begin. */
    #keepSynced() {
        rmSync(this.synced, { recursive: true, force: true });
        mkdirSync(this.synced);
        copyAll(this.#files(this.daemon.dir), this.#files(this.synced));
    }

    /** What a power failure leaves: of each file only what was synced. The daemon must be dead. */
    losePower() {
        const here = this.#files(this.daemon.dir);
        for (const file of [...here, `${this.daemon.databaseFile}-shm`]) rmSync(file, { force: true });
        copyAll(this.#files(this.synced), here);
    }
}

function copyAll(from, to) {
    from.forEach((file, index) => {
        if (existsSync(file)) copyFileSync(file, to[index]);
    });
}
