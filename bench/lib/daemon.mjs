// depositd as the benchmarks run it: a release build, the log at info, no limit of requests, sessions seeded.
import { execFileSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { evmAccountXpub } from '../../devnet/lib/keys.mjs';
import { chainConfig, startDepositd } from '../../tests/integration/lib/depositd.mjs';
import { query } from '../../tests/integration/lib/database.mjs';
import { depositd, runTool, scratch } from './paths.mjs';

export { query };

/** One token of six decimals on one chain. `more` overrides keys of the [[chain]] entry. */
export function oneToken(url, token, more = {}) {
    return chainConfig({
        urls: [url], poll_ms: 100, mainnet: false, tokens: [['BLAST', token, 6]], finalized_tag: true, ...more,
    });
}

/**
 * A daemon that is configured and stopped; .start() starts it.
 * - sessions: how many open sessions the database holds, each asking for `units` of `asset`
 * - pays: false gives it no keys, so that it only watches
 * - chains: [[chain]] entries
 */
export async function prepareDaemon(name, { chains, sessions = 0, asset, units = 1_000_000_000_000, pays = true }) {
    const daemon = await startDepositd({
        dir: scratch(name), binary: depositd(), start: false,
        config: {
            chain: chains, log: { format: 'json', level: 'info' },
            server: { requests_per_second_per_ip: 0, requests_per_second_per_key: 0 },
            ...(pays ? {} : { keys: { mnemonic_file: undefined } }),
        },
    });
    if (sessions > 0) {
        runTool('seed_sessions', ['sessions', evmAccountXpub(), sessions, daemon.databaseFile, 'test', asset, units]);
    }
    daemon.template = join(daemon.dir, 'seeded.sqlite');
    checkpoint(daemon.databaseFile);
    copyFileSync(daemon.databaseFile, daemon.template);
    return daemon;
}

/** Puts the database back to what prepareDaemon() made. */
export function resetDaemon(daemon) {
    for (const tail of ['-wal', '-shm']) rmSync(`${daemon.databaseFile}${tail}`, { force: true });
    copyFileSync(daemon.template, daemon.databaseFile);
}

// A copy of the main file alone must hold everything.
function checkpoint(file) {
    const program = 'import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute("PRAGMA wal_checkpoint(TRUNCATE)")';
    execFileSync('python3', ['-c', program, file]);
}
