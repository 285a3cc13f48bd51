// A PostgreSQL of our own for peers that need one: Debian's package, a fresh cluster, default settings.
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, spawnTied, stopChild, until } from '../../devnet/lib/process.mjs';

const programs = '/usr/lib/postgresql/15/bin';

/** The user to run as: PostgreSQL refuses root. */
function account() {
    if (process.getuid() !== 0) return {};
    const id = (flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
    return { uid: id('-u'), gid: id('-g') };
}

/** Starts a cluster that is gone after stop(); { port, user, version, createDatabase(name), stop() }. */
export async function startPostgres() {
    if (!existsSync(programs)) throw new Error('PostgreSQL is not installed: apt-get install postgresql-15');
    const as = account();
    // Not below the checkout, whose folders another user may not be allowed to enter.
    const dir = mkdtempSync(join(tmpdir(), 'depositd-bench-pg-'));
    chmodSync(dir, 0o700);
    if (as.uid !== undefined) chownSync(dir, as.uid, as.gid);
    const data = join(dir, 'data');
    const run = (name, args) => execFileSync(join(programs, name), args, {
        ...as, cwd: dir, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'],
    });
    run('initdb', ['-D', data, '-U', 'bench', '-A', 'trust', '--no-sync']);
    const port = await freePort();
    const server = spawnTied(join(programs, 'postgres'), ['-D', data, '-p', String(port), '-k', dir, '-h', '127.0.0.1'],
        { ...as, cwd: dir, stdio: 'ignore' });
    const sql = (text) => run('psql', ['-h', '127.0.0.1', '-p', String(port), '-U', 'bench', '-d', 'postgres', '-tAc', text]);
    await until(() => sql('SELECT 1').trim() === '1', { timeoutMs: 30_000, everyMs: 200, what: 'PostgreSQL' });
    return {
        port, user: 'bench', pid: server.pid, version: sql('SHOW server_version').trim(),
        createDatabase(name) {
            sql(`CREATE DATABASE ${name}`);
        },
        async stop() {
            await stopChild(server, { signal: 'SIGINT' });
            rmSync(dir, { recursive: true, force: true });
        },
    };
}
