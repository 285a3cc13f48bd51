// The public SDK as it is published, for tests that drive it against a daemon.
export { createDaimoClient } from '@daimo/sdk/client';
export { DaimoRequestError } from '@daimo/sdk/common';
