// A `meercat up` under load with its dashboard open in a browser: three balancers, demo hosts, and one host of the test's own
// that can be made to fail.

import { setTimeout as sleep } from 'node:timers/promises';
import { type BrowserPage, withBrowser } from './browser.js';
import { until, withProcess, withServer } from './brackets.js';
import { type FleetProcess, freePortsInRow, withFleet } from './fleet-process.js';
import { meercatProcess } from './meercat.js';

/** What a test holds of the fleet. */
export interface WatchedFleet {
  readonly fleet: FleetProcess;
  readonly page: BrowserPage;
  /** The dashboard's address without the token, and the token. */
  readonly url: string;
  readonly token: string;
  /** From now on, or no longer, the host `own` ends every connection without an answer. */
  setFailing(isFailing: boolean): void;
}

const DEMO_HOSTS = 5;

/** Paths whose requests cost differently, several per class. */
const PATHS = ['/', '/users/17', '/users/4711', '/orders/5/items', '/work?ms=4', '/work/report?ms=25', '/search?q=a'];

/** The answer of the test's own host takes about this long, so that it differs from the others. */
const OWN_HOST_MS = 12;

/** Starts the fleet, the load and a browser; nothing is left afterwards. Without a browser nothing is done, which is said. */
export function withWatchedFleet(fn: (watched: WatchedFleet) => Promise<void>): Promise<void> {
  let isFailing = false;
  return withBrowser((page) =>
    withServer(
      (request, response) => {
        if (isFailing) request.socket.destroy();
        else setTimeout(() => response.end('own'), OWN_HOST_MS);
      },
      async ({ url: own }) => {
        const port = await freePortsInRow(3);
        const args = ['--balancers', '3', '--hosts', String(DEMO_HOSTS), '--port', String(port)];
        await withFleet(args, async (fleet) => {
          await fleet.ready();
          const [, address = '', token = ''] = (await fleet.waitForLine(/^dashboard +(\S+?)#token=(\S+)$/)) as unknown as string[];
          const origins = [0, 1, 2].map((index) => `http://127.0.0.1:${port + index}`);
          const [, redis = ''] = (await fleet.waitForLine(/^redis +(redis:\S+)/)) as unknown as string[];
          const watch = async (): Promise<void> => {
            await page.look({ width: 1280, height: 800 });
            await page.goTo(`${address}#token=${token}`);
            await until(() => page.evaluate('document.body.dataset.stream === "live" && document.body.dataset.mayAct === "true"'), {
              what: 'the page to be live and unlocked',
            });
            await fn({
              fleet,
              page,
              url: address,
              token,
              setFailing(value) {
                isFailing = value;
              },
            });
          };
          await withProcess(meercatProcess(['agent', '--url', own, '--name', 'own', '--redis', redis]), () => withLoad(origins, watch));
        });
      },
    ),
  );
}

/** How long a client of the load waits between two requests. */
const THINK_MS = 20;

/** Some 100 requests a second at the fleet meanwhile; what they answer does not matter. */
async function withLoad(origins: readonly string[], fn: () => Promise<void>): Promise<void> {
  const end = new AbortController();
  const client = async (index: number): Promise<void> => {
    for (let turn = index; !end.signal.aborted; turn++) {
      const url = `${origins[turn % origins.length] ?? ''}${PATHS[(turn * 5) % PATHS.length] ?? ''}`;
      await fetch(url, { signal: end.signal })
        .then((response) => response.arrayBuffer())
        .catch(() => undefined);
      await sleep(THINK_MS, undefined, { signal: end.signal }).catch(() => undefined);
    }
  };
  const clients = [0, 1, 2, 3].map(client);
  try {
    await fn();
  } finally {
    end.abort();
    await Promise.all(clients);
  }
}
