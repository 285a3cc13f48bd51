// Subsquid's processor as its documentation sets it up, filtering in memory like the others here.
const { readFileSync } = require('node:fs');
const { EvmBatchProcessor } = require('@subsquid/evm-processor');
const { TypeormDatabase } = require('@subsquid/typeorm-store');
const { Deposit } = require('./lib/model');

const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';
const watched = new Set(readFileSync(process.env.BENCH_ADDRESSES, 'utf8').trim().split('\n'));

const processor = new EvmBatchProcessor()
    .setRpcEndpoint({ url: process.env.BENCH_RPC, maxBatchCallSize: 100, capacity: 20, rateLimit: 100_000 })
    .setRpcDataIngestionSettings({ headPollInterval: 100 })
    .setFinalityConfirmation(Number(process.env.BENCH_FINALITY))
    .setBlockRange({ from: 0 })
    .setFields({ log: { topics: true, data: true } })
    .addLog({ address: [process.env.BENCH_TOKEN.toLowerCase()], topic0: [TRANSFER] });

processor.run(new TypeormDatabase({ supportHotBlocks: true }), async (context) => {
    const deposits = [];
    for (const block of context.blocks) {
        for (const log of block.logs) {
            const to = `0x${log.topics[2].slice(26)}`;
            if (!watched.has(to)) continue;
            deposits.push(new Deposit({
                id: log.id, to, value: BigInt(log.data).toString(), block: block.header.height,
            }));
        }
    }
    await context.store.insert(deposits);
});
