// A `meercat up` under load with its dashboard open in a browser: three balancers, demo hosts, and one host of the test's own
// that can be stopped.

import { setTimeout as sleep } from 'node:timers/promises';
import { type BrowserPage, withBrowser } from './browser.js';
import { type TestServer, until, withProcess, withServer } from './brackets.js';
import { type FleetProcess, freePortsInRow, withFleet } from './fleet-process.js';
import { meercatProcess } from './meercat.js';

/** What a test holds of the fleet. */
export interface WatchedFleet {
  readonly fleet: FleetProcess;
  readonly page: BrowserPage;
  /** The dashboard's address without the token, and the token. */
  readonly url: string;
  readonly token: string;
  /** The host `own` refuses connections from now on; its agent goes on. */
  stopOwnHost(): void;
  startOwnHost(): Promise<void>;
}

const DEMO_HOSTS = 5;

/** Each host gets its share, however busy the machine is; pictures show the algorithm that people have. */
const ALGORITHM = (process.env['MEERCAT_SCREENSHOTS'] ?? '') === '' ? 'round-robin' : 'adaptive';

/** Paths whose requests cost differently, several per class. */
const PATHS = ['/', '/users/17', '/users/4711', '/orders/5/items', '/work?ms=4', '/work/report?ms=25', '/search?q=a'];

/** The answer of the test's own host takes about this long, so that it differs from the others. */
const OWN_HOST_MS = 12;

/** What its agent reports: the machine of the tests is busy with other things, which would keep requests away from it. */
const OWN_LOAD = '{"cpu_utilization":0.2,"mem_utilization":0.3}';

/** Starts the fleet, the load and a browser; nothing is left afterwards. Without a browser nothing is done, which is said. */
export function withWatchedFleet(fn: (watched: WatchedFleet) => Promise<void>): Promise<void> {
  return withBrowser((page) =>
    withServer(
      (_request, response) => void setTimeout(() => response.end('own'), OWN_HOST_MS),
      (own) =>
        withServer(
          (_request, response) => void response.end(OWN_LOAD),
          (probe) => watchFleet(page, own, probe.url, fn),
        ),
    ),
  );
}

async function watchFleet(page: BrowserPage, own: TestServer, probe: string, fn: (watched: WatchedFleet) => Promise<void>): Promise<void> {
  const port = await freePortsInRow(3);
  await withFleet(['--balancers', '3', '--hosts', String(DEMO_HOSTS), '--port', String(port), '--algorithm', ALGORITHM], async (fleet) => {
    await fleet.ready();
    const [, url = '', token = ''] = (await fleet.waitForLine(/^dashboard +(\S+?)#token=(\S+)$/)) as unknown as string[];
    const [, redis = ''] = (await fleet.waitForLine(/^redis +(redis:\S+)/)) as unknown as string[];
    const watch = async (): Promise<void> => {
      await page.look({ width: 1280, height: 800 });
      await page.goTo(`${url}#token=${token}`);
      const isReady = 'document.body.dataset.stream === "live" && document.body.dataset.mayAct === "true"';
      await until(() => page.evaluate(isReady), { what: 'the page to be live and unlocked' });
      await fn({
        fleet,
        page,
        url,
        token,
        stopOwnHost() {
          own.server.close();
          own.server.closeAllConnections();
        },
        startOwnHost: () => new Promise((resolve) => own.server.listen(own.port, '127.0.0.1', resolve)),
      });
    };
    const agent = ['agent', '--url', own.url, '--name', 'own', '--redis', redis, '--probe', probe, '--cores', '1'];
    const origins = [0, 1, 2].map((index) => `http://127.0.0.1:${port + index}`);
    await withProcess(meercatProcess(agent), () => withLoad(origins, watch));
  });
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
