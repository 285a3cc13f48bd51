// A real browser for the pages that the daemon serves, and for those that use its API. Debian's chromium, or
// DEPOSITD_BROWSER; a machine without one fails the tests that need it.
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from '../../../devnet/node_modules/playwright-core/index.mjs';

const SCREENSHOTS = fileURLToPath(new URL('../../../build/screenshots/', import.meta.url));
const PHONE = { width: 360, height: 740 };
const DESK = { width: 1100, height: 900 };
const program = process.env.DEPOSITD_BROWSER ?? '/usr/bin/chromium';

/** Starts a browser that ends with the test `t`. */
export async function startBrowser(t) {
    if (!existsSync(program)) {
        throw new Error(`${program} does not exist: run scripts/bootstrap, or set DEPOSITD_BROWSER`);
    }
    // Tests may run as root, for whom chromium has no sandbox; it sees our own pages only. No name is looked up: a page
    // that asks somebody outside gets nothing. (Playwright's routes would answer preflights themselves.)
    const args = ['--no-sandbox', '--disable-dev-shm-usage', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'];
    const browser = await chromium.launch({ executablePath: program, args });
    t.after(() => browser.close());
    return browser;
}

/**
 * Opens an address. What the page must not do is collected: `faults` has messages of the console and of scripts that
 * failed, `strangers` requests to other servers, `requests` all others. `blocked` is a pattern of addresses that
 * cannot be reached.
 */
export async function visit(browser, url, { dark = false, phone = false, scripts = true, zone = 'UTC', blocked } = {}) {
    const context = await browser.newContext({
        colorScheme: dark ? 'dark' : 'light', viewport: phone ? PHONE : DESK, javaScriptEnabled: scripts,
        timezoneId: zone, deviceScaleFactor: phone ? 2 : 1, isMobile: phone, hasTouch: phone,
    });
    const page = await context.newPage();
    const { origin } = new URL(url);
    const seen = { faults: [], strangers: [], requests: [] };
    page.on('pageerror', (error) => seen.faults.push(String(error)));
    page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) seen.faults.push(message.text());
    });
    page.on('request', (request) => {
        const to = new URL(request.url());
        if (to.origin === origin) seen.requests.push(`${request.method()} ${to.pathname}`);
        else seen.strangers.push(request.url());
    });
    if (blocked) await page.route(blocked, (route) => route.abort());
    const answer = await page.goto(url);
    return { page, context, answer, ...seen };
}

/** The whole page as build/screenshots/NAME.png. */
export async function screenshot(page, name) {
    mkdirSync(SCREENSHOTS, { recursive: true });
    await page.screenshot({ path: `${SCREENSHOTS}${name}.png`, fullPage: true });
}
