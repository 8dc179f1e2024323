// Sites that name other hosts and pools than before, on balancers that serve: no request fails on the way, and what left
// the site gets none any more.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Commands } from '../../lib/redis/connect.js';
import { applySite } from '../../lib/redis/site-store.js';
import { until, withRedis, withServer } from '../support/brackets.js';
import { KEYS, SLOW_MS, withBalancer } from '../support/fleet.js';
import { ask } from '../support/http-client.js';
import { withClients } from '../support/redis-client.js';

const test = suite('site hosts');

async function apply(client: Commands, site: object): Promise<void> {
  const document = JSON.stringify({ version: 1, ...site });
  const outcome = await applySite(client, KEYS, { document, expectedVersion: 'any', highestVersion: 0, by: 'ada', at: new Date() });
  assert.is(outcome.kind, 'applied');
}

/** Sends requests one after the other to each port until it is ended; resolves with the statuses that are not 200. */
function keepAsking(ports: readonly number[]): () => Promise<string[]> {
  const over = new AbortController();
  const failed: string[] = [];
  const loops = ports.map(async (port) => {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    for (; !over.signal.aborted; await new Promise((resolve) => setImmediate(resolve))) {
      // oxlint-disable-next-line no-await-in-loop -- the same
      const { status, body } = await ask(port);
      if (status !== 200) failed.push(`${status} ${body.trim()}`);
    }
  });
  return async () => {
    over.abort();
    await Promise.all(loops);
    return failed;
  };
}

test('while pools and hosts are replaced no request fails, and then only the hosts of the new site get any', () =>
  withServer(
    (_request, response) => void response.end('one'),
    (one) =>
      withServer(
        (_request, response) => void response.end('two'),
        (two) =>
          withRedis((redis) =>
            withClients([redis.url], (client) =>
              withBalancer({ redis: [redis.url], name: 'b1' }, (first) =>
                withBalancer({ redis: [redis.url], name: 'b2' }, async (second) => {
                  const ports = [first.port, second.port];
                  const inForce = (name: string): Promise<unknown> =>
                    Promise.all(
                      ports.map((port) =>
                        until(async () => (await ask(port, { headers: { Host: 'version.test' } })).body === name, {
                          timeoutMs: SLOW_MS,
                          what: `${name} on ${port}`,
                        }),
                      ),
                    );
                  let end: () => Promise<string[]> = () => Promise.resolve([]);
                  for (let version = 1; version <= 12; version++) {
                    const [host, name] = [version % 2 === 0 ? two : one, `version ${version}`];
                    // Another pool each third time: else the pool stays, and has another host.
                    const pool = `pool-${Math.floor(version / 3)}`;
                    const said = { match: { hosts: ['version.test'] }, respond: { status: 200, body: name } };
                    // oxlint-disable-next-line no-await-in-loop -- one after the other
                    await apply(client, { pools: { [pool]: { hosts: [host.url] } }, routes: [said, { to: pool }] });
                    // oxlint-disable-next-line no-await-in-loop -- the same
                    await inForce(name);
                    const wanted = version % 2 === 0 ? 'two' : 'one';
                    for (const port of ports) {
                      // The fleet thread takes them out as soon as the routes are in use.
                      // oxlint-disable-next-line no-await-in-loop -- the same
                      await until(async () => (await ask(port)).body === wanted && (await ask(port)).body === wanted, {
                        what: `${wanted} on ${port}`,
                      });
                      // oxlint-disable-next-line no-await-in-loop -- the same
                      for (let i = 0; i < 5; i++) assert.is((await ask(port)).body, wanted);
                    }
                    if (version === 1) end = keepAsking(ports);
                  }
                  assert.equal(await end(), []);
                }),
              ),
            ),
          ),
      ),
  ));

test.run();
