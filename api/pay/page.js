'use strict';
// What the page shows is made by the server: when the session changes, the page is asked for again and the
// parts that differ are put in. Without this script everything but the clock and the news is there.
(() => {
    const PARTS = ['status', 'clock', 'payment', 'receipt', 'transfers'];
    const POLL_MS = 2000;
    const LISTEN_AGAIN_MS = 30000;
    const COPIED_MS = 2000;
    const page = document.getElementById('page');
    const secret = new URLSearchParams(location.search).get('clientSecret') ?? '';
    const api = `../v1/sessions/${location.pathname.split('/').pop()}`;
    const ahead = Number(page.dataset.now) - Date.now() / 1000;
    const shown = new Map();
    let view;
    let source;
    let poller;
    let refreshing = false;
    let refreshAgain = false;
    let troubled = false;

    const part = (id, from = document) => from.getElementById(id);
    const isFinal = () => page.dataset.final === 'true';

    function say(text) {
        troubled = false;
        part('note').textContent = text;
    }

    // Goes when the connection is back; what was said about a click stays.
    function sayTrouble(text) {
        say(text);
        troubled = true;
    }

    function sayWell() {
        if (troubled) say('');
    }

    // The server writes UTC.
    function localTimes() {
        const form = { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', timeZoneName: 'short' };
        for (const time of page.querySelectorAll('time')) {
            time.textContent = new Date(time.dateTime).toLocaleString('en-GB', form);
        }
    }

    function remember() {
        for (const id of PARTS) shown.set(id, part(id).innerHTML);
    }

    function put(fresh) {
        const focused = document.activeElement?.id;
        for (const id of PARTS) {
            const html = part(id, fresh).innerHTML;
            if (shown.get(id) === html) continue;
            shown.set(id, html);
            part(id).replaceChildren(...part(id, fresh).childNodes);
        }
        part('status').dataset.state = part('status', fresh).dataset.state;
        page.dataset.final = part('page', fresh).dataset.final;
        if (focused && document.activeElement?.id !== focused) part(focused)?.focus();
        localTimes();
        tick();
        if (isFinal()) stop();
    }

    // Whatever comes next is news.
    function missed() {
        view = undefined;
        startPolling();
    }

    async function refresh() {
        if (refreshing) {
            refreshAgain = true;
            return;
        }
        refreshing = true;
        try {
            const answer = await fetch(location.href, { cache: 'no-store' });
            if (answer.ok) {
                put(new DOMParser().parseFromString(await answer.text(), 'text/html'));
                if (source?.readyState === EventSource.OPEN) stopPolling();
            } else {
                missed();
            }
        } catch {
            missed();
        }
        refreshing = false;
        if (!refreshAgain) return;
        refreshAgain = false;
        await refresh();
    }

    function hear(text) {
        if (text === view) return;
        view = text;
        refresh();
    }

    async function poll() {
        try {
            const answer = await fetch(api, { cache: 'no-store' });
            if (answer.ok) hear(JSON.stringify((await answer.json()).session));
            if (answer.ok) sayWell();
            else sayTrouble('The news are late. Trying again …');
        } catch {
            sayTrouble('No connection. Trying again …');
        }
    }

    function startPolling() {
        if (poller || isFinal() || document.hidden) return;
        poller = setInterval(poll, POLL_MS);
    }

    function stopPolling() {
        clearInterval(poller);
        poller = undefined;
    }

    function stop() {
        stopPolling();
        source?.close();
        source = undefined;
        sayWell();
    }

    function listen() {
        if (isFinal() || source || document.hidden) return;
        if (!('EventSource' in window)) {
            startPolling();
            return;
        }
        const opened = new EventSource(`${api}/events?clientSecret=${encodeURIComponent(secret)}`);
        source = opened;
        opened.addEventListener('session', (event) => {
            stopPolling();
            sayWell();
            hear(JSON.stringify(JSON.parse(event.data)));
        });
        opened.addEventListener('error', () => {
            if (opened !== source) return;
            startPolling();
            if (opened.readyState !== EventSource.CLOSED) return;
            source = undefined;
            setTimeout(listen, LISTEN_AGAIN_MS);
        });
    }

    function tick() {
        const countdown = part('countdown');
        if (!countdown) return;
        const left = Math.ceil(Number(countdown.dataset.until) - (Date.now() / 1000 + ahead));
        const two = (number) => String(number).padStart(2, '0');
        const hours = Math.floor(left / 3600);
        const minutes = Math.floor(left / 60) % 60;
        const text = `${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(left % 60)}`;
        if (left > 0) {
            countdown.textContent = `${text} left, `;
        } else if (!countdown.dataset.over) {
            countdown.dataset.over = 'true';
            countdown.textContent = 'Time is up, it was ';
            setTimeout(refresh, 1000);
        }
    }

    async function choose(button) {
        button.disabled = true;
        let problem = 'No connection. Please try again.';
        try {
            const answer = await fetch(`${api}/paymentMethods`, {
                method: 'POST', headers: { 'content-type': 'application/json' },
                body: JSON.stringify({ clientSecret: secret, paymentMethod: { type: 'evm' } }),
            });
            problem = answer.ok ? '' : (await answer.json()).error.message;
        } catch {
            // Said below.
        }
        button.disabled = false;
        button.hidden = false;
        say(problem);
        await refresh();
    }

    async function copy(button) {
        const target = part(button.dataset.copy);
        try {
            await navigator.clipboard.writeText(target.textContent);
        } catch {
            // Without a secure connection the browser offers the old way only.
            getSelection().selectAllChildren(target);
            if (!document.execCommand('copy')) {
                say('Please copy the marked text.');
                return;
            }
        }
        say(`${button.dataset.name} copied.`);
        button.textContent = 'Copied';
        setTimeout(() => { button.textContent = 'Copy'; }, COPIED_MS);
    }

    document.addEventListener('click', (event) => {
        const button = event.target.closest('button');
        if (button?.dataset.copy) copy(button);
        if (button?.id === 'choose') choose(button);
    });
    // Browsers keep few connections to one server: a page that nobody looks at gives its own back.
    document.addEventListener('visibilitychange', () => {
        if (document.hidden) stop();
        else listen();
    });
    remember();
    localTimes();
    tick();
    setInterval(tick, 1000);
    const button = part('choose');
    if (button) choose(button);
    listen();
})();
