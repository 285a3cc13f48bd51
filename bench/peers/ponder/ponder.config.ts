import { createConfig } from 'ponder';

export default createConfig({
    database: { kind: 'pglite' },
    chains: {
        local: { id: 31337, rpc: process.env.BENCH_RPC!, disableCache: true, pollingInterval: 100 },
    },
    contracts: {
        Token: {
            chain: 'local',
            abi: [{
                type: 'event', name: 'Transfer',
                inputs: [
                    { name: 'from', type: 'address', indexed: true },
                    { name: 'to', type: 'address', indexed: true },
                    { name: 'value', type: 'uint256', indexed: false },
                ],
            }] as const,
            address: process.env.BENCH_TOKEN as `0x${string}`,
            startBlock: 0,
        },
    },
});
