import { readFileSync } from 'node:fs';
import { ponder } from 'ponder:registry';
import schema from 'ponder:schema';

const watched = new Set(readFileSync(process.env.BENCH_ADDRESSES!, 'utf8').trim().split('\n'));

ponder.on('Token:Transfer', async ({ event, context }) => {
    if (!watched.has(event.args.to.toLowerCase())) return;
    await context.db.insert(schema.deposit).values({
        id: event.id, to: event.args.to, value: event.args.value, block: event.block.number,
    });
});
