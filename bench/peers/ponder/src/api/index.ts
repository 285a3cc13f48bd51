import { Hono } from 'hono';
import { count } from 'ponder';
import { db } from 'ponder:api';
import schema from 'ponder:schema';

const app = new Hono();

app.get('/rows', async (context) => {
    const [row] = await db.select({ rows: count() }).from(schema.deposit);
    return context.json({ rows: Number(row.rows) });
});

export default app;
