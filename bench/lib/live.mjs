// A chain that grows while somebody follows it: anvil with a contract that emits transfers, and depositd or a peer
// that keeps those to ten addresses.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startAnvil } from '../../devnet/lib/anvil.mjs';
import { openChain } from '../../devnet/lib/chain.mjs';
import { receiver } from '../../devnet/lib/keys.mjs';
import { sleep } from '../../devnet/lib/process.mjs';
import { startProxy } from '../../devnet/proxy.mjs';
import { oneToken, prepareDaemon } from './daemon.mjs';
import { startPostgres } from './postgres.mjs';
import { startPonder, startSubsquid } from './readers.mjs';
import { RowWatch, monotonicMs } from './row_watch.mjs';
import { scratch } from './paths.mjs';

const WATCHED = 10;
const LOGS_PER_BLOCK = 10;
/** Rows that each blast() makes. */
export const HITS_PER_BLOCK = LOGS_PER_BLOCK / 2;

export async function liveChain({ viaProxy = false } = {}) {
    const node = await startAnvil({ mine: 'auto' });
    const chain = await openChain(node);
    const blaster = await chain.deploy('Blaster');
    const watched = Array.from({ length: WATCHED }, (_, index) => receiver(index + 1).address);
    await chain.write(blaster, 'watch', [watched]);
    await node.setAutomine(false);
    await node.mine(8);
    const proxy = viaProxy ? await startProxy({ target: node.url }) : undefined;
    let seed = 0;
    return {
        node, proxy, url: proxy?.url ?? node.url, token: blaster.address, watched,
        /** Mines a block with ten transfers, five of them ours. */
        async blast() {
            await chain.write(blaster, 'blast', [BigInt(LOGS_PER_BLOCK), BigInt(seed += 1), 2n], { wait: false });
            await node.rpc('evm_mine');
        },
        async stop() {
            await proxy?.stop();
            await node.stop();
        },
    };
}

/** depositd on a live chain, as the peers below: { pid, rowsReach(n) → when, rows(), ended(), stop() }. */
export async function followWithDepositd(live, { pollMs = 100, sessions = WATCHED } = {}) {
    const daemon = await prepareDaemon('live', {
        chains: [oneToken(live.url, live.token, { poll_ms: pollMs })],
        sessions, asset: `eip155:31337/erc20:${live.token.toLowerCase()}`,
    });
    await daemon.start({ timeoutMs: 60_000 });
    const watch = new RowWatch(daemon.databaseFile, 'SELECT count(*) FROM deposits WHERE status <> 3', { everyMs: 0.5 });
    await watch.reaches(0);
    let gone = false;
    daemon.ended().then(() => { gone = true; });
    return {
        pid: daemon.pid, daemon, rows: async () => watch.value, ended: () => gone,
        rowsReach: (wanted) => watch.reaches(wanted),
        async stop() {
            await watch.stop();
            await daemon.stop();
        },
    };
}

async function followWithPeer(live, start, postgres) {
    const addresses = join(scratch('addresses'), 'list');
    writeFileSync(addresses, `${live.watched.map((address) => address.toLowerCase()).join('\n')}\n`);
    const peer = await start({ url: live.url, token: live.token, addresses, postgres, finality: 10 });
    return {
        ...peer,
        async rowsReach(wanted, { timeoutMs = 60_000 } = {}) {
            const deadline = Date.now() + timeoutMs;
            for (;;) {
                const rows = await peer.rows().catch(() => -1);
                if (rows >= wanted) return monotonicMs();
                if (peer.ended()) throw new Error(`it ended by itself:\n${peer.text()}`);
                if (Date.now() > deadline) throw new Error(`${rows} rows are still fewer than ${wanted}`);
                await sleep(2);
            }
        },
    };
}

/** The readers that follow a chain, by name. Each gets a live chain; Subsquid brings a PostgreSQL of its own. */
export const FOLLOWERS = {
    depositd: (live) => followWithDepositd(live),
    ponder: (live) => followWithPeer(live, startPonder),
    async subsquid(live) {
        const postgres = await startPostgres();
        const peer = await followWithPeer(live, startSubsquid, postgres);
        return {
            ...peer,
            async stop() {
                await peer.stop();
                await postgres.stop();
            },
        };
    },
};
