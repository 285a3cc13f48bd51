// A merchant's page that shows the SDK's modal: ?api=URL&session=ID&secret=SECRET. What the modal tells its page is
// in window.told.
import '@daimo/sdk/web/styles.css';
import { DaimoModal, DaimoSDKProvider } from '@daimo/sdk/web';
import { createElement } from 'react';
import { createRoot } from 'react-dom/client';

const query = new URLSearchParams(location.search);
window.told = [];
const tell = (what) => () => window.told.push(what);

const modal = createElement(DaimoModal, {
    sessionId: query.get('session'),
    clientSecret: query.get('secret'),
    onOpen: tell('open'),
    onPaymentStarted: tell('started'),
    onPaymentCompleted: tell('completed'),
});
createRoot(document.getElementById('root'))
    .render(createElement(DaimoSDKProvider, { apiUrl: query.get('api') }, modal));
