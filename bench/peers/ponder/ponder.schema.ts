import { onchainTable } from 'ponder';

export const deposit = onchainTable('deposit', (t) => ({
    id: t.text().primaryKey(),
    to: t.hex().notNull(),
    value: t.bigint().notNull(),
    block: t.bigint().notNull(),
}));
