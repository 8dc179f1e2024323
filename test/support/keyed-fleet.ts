// Three balancers of one fleet on a real Redis, with a fleet key, and what somebody does who can publish and write there.

import { rename, writeFile } from 'node:fs/promises';
import * as assert from 'uvu/assert';
import type { BalancerConfig } from '../../lib/config/config.js';
import type { HostTable } from '../../lib/model.js';
import type { Commands } from '../../lib/redis/connect.js';
import { agentKeysOf, KeyRing, newFleetKey, operatorKeysOf } from '../../lib/redis/fleet-key.js';
import { encodeReport } from '../../lib/redis/report-message.js';
import { MessageSigner } from '../../lib/redis/sign.js';
import { until, withRedis, withServer, withTempDir } from './brackets.js';
import { KEYS, SLOW_MS, sendUntil, type TestBalancer, withBalancer } from './fleet.js';
import { ask } from './http-client.js';
import { withClients } from './redis-client.js';

/** The fleet's key, and another one. */
export const [KEY, OTHER_KEY] = [newFleetKey(), newFleetKey()];

/** Signs as this sender, with the keys of a file's text. */
export const signerFor = (text: string, name: string): MessageSigner =>
  new MessageSigner(new KeyRing('', text, ['fleet', 'agent', 'operator']), name);

/** A report of this host. */
export const reportOf = (host: string, url: string, fields: object = {}): string =>
  encodeReport({ host, url, cpu: 0.2, memory: 0.3, cores: 4, rps: null, intervalMs: 60_000, bye: false, ...fields });

/** A full table without hosts, of a mastership that never was. */
export const emptyTable = (term: number): HostTable => ({
  stamp: { term, mastership: 'f'.repeat(32), seq: 1 },
  isFull: true,
  previousSeq: 1,
  hosts: [],
  figures: [],
  loads: [],
  acks: [],
  costs: null,
  gone: [],
});

/** A fleet that is attacked. */
export interface KeyedFleet {
  readonly client: Commands;
  readonly redis: string;
  readonly balancers: readonly TestBalancer[];
  readonly url: string;
  /** What was heard on each channel. */
  readonly heard: ReadonlyMap<string, readonly string[]>;
  /** The key file of each balancer. */
  readonly keyFiles: readonly string[];
  readonly operatorFile: string;
}

/** As an operator does it: a file is never read half written. */
export async function putFile(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/**
 * Three balancers, the first one master, and one host whose agent has its own key.
 * @param consoleToken the token of each console
 * @param leaseTtlMs short where the test is about another mastership
 */
export async function withKeyedFleet(
  keyText: string,
  fn: (stage: KeyedFleet) => Promise<void>,
  leaseTtlMs?: number,
  consoleToken = '',
): Promise<void> {
  await withTempDir((dir) =>
    withRedis((redis) =>
      withClients([redis.url, redis.url], (client, listener) =>
        withServer(
          (_request, response) => response.end('h1'),
          async ({ url }) => {
            const keyFiles = ['b1', 'b2', 'b3'].map((name) => `${dir}/${name}.key`);
            const operatorFile = `${dir}/operator.key`;
            for (const file of keyFiles) await putFile(file, keyText);
            await putFile(operatorFile, operatorKeysOf('', KEY).join('\n'));
            const heard = new Map<string, string[]>();
            await listener.subscribe(KEYS.reports, KEYS.load, KEYS.stats, KEYS.events);
            listener.on(
              'message',
              (channel: string, text: string) => void heard.set(channel, [...(heard.get(channel) ?? []).slice(-50), text]),
            );
            const optionsOf = (index: number): Partial<BalancerConfig> => ({
              redis: [redis.url],
              ...(leaseTtlMs !== undefined && { leaseTtlMs }),
              consoleToken,
              name: `b${index + 1}`,
              fleetKeyFile: keyText === '' ? '' : (keyFiles[index] as string),
            });
            await withBalancer(optionsOf(0), async (b1) => {
              await b1.becomes('master');
              await withBalancer(optionsOf(1), (b2) =>
                withBalancer(optionsOf(2), async (b3) => {
                  const balancers = [b1, b2, b3];
                  const agent = signerFor(keyText === '' ? '' : (agentKeysOf('', keyText, 'h1')[0] as string), 'h1');
                  await until(
                    async () => (await client.publish(KEYS.reports, agent.sign(KEYS.reports, reportOf('h1', url), 'agent'))) > 1,
                    {
                      what: 'a master that listens, besides this test',
                    },
                  );
                  await Promise.all(balancers.map((each) => each.knows(1)));
                  await until(async () => (await client.zcard(KEYS.balancers)) === 3, { what: 'three balancers' });
                  await fn({ client, redis: redis.url, balancers, url, heard, keyFiles, operatorFile });
                }),
              );
            });
          },
        ),
      ),
    ),
  );
}

/** Resolves when the counter of each of these balancers has grown to this. */
export async function counts(balancers: readonly TestBalancer[], counter: string, atLeast: number): Promise<void> {
  await until(() => balancers.every((each) => each.counter(counter) >= atLeast), {
    timeoutMs: SLOW_MS,
    what: () =>
      `${counter} ≥ ${atLeast}: ${balancers.map((each) => each.counter(counter)).join()}; the log of the first:\n${balancers[0]?.lines.join('\n')}`,
  });
}

/** Sends, and sends again what was lost, until the counter of each of these balancers has grown by as much. */
export async function isCounted(
  send: () => Promise<unknown>,
  balancers: readonly TestBalancer[],
  counter: string,
  more = 1,
): Promise<void> {
  const goals = balancers.map((each) => each.counter(counter) + more);
  await sendUntil(
    send,
    () => balancers.every((each, index) => each.counter(counter) >= (goals[index] as number)),
    () =>
      `${counter} ≥ ${goals.join()}: ${balancers.map((each) => each.counter(counter)).join()}; the log of the first:\n${balancers[0]?.lines.join('\n')}`,
  );
}

/** The fleet is as it was: one master, its first term, one host that answers on each balancer. */
export async function isUnharmed({ balancers, client }: KeyedFleet): Promise<void> {
  assert.equal(
    balancers.map(({ balancer }) => balancer.role),
    ['master', 'slave', 'slave'],
  );
  assert.equal(
    balancers.map((each) => each.counter('masterships')),
    [1, 0, 0],
    balancers.map(({ lines }) => lines.join('\n')).join('\n\n'),
  );
  for (const each of balancers) {
    assert.is((await ask(each.port)).body, 'h1');
    assert.equal([(await each.health()).term, (await each.health()).hosts], [1, 1]);
    assert.is(each.counter('requests_failed'), 0);
  }
  assert.equal(await client.zrange(KEYS.hosts, '0', '-1'), ['h1']);
}

/** Publishes these, one after the other. */
export const publishAll = async (client: Commands, channel: string, texts: readonly string[]): Promise<void> => {
  for (const text of texts) await client.publish(channel, text);
};

/** The next message of a channel. */
export const nextOn = (stage: KeyedFleet, channel: string, like: RegExp = /./): Promise<string> => {
  const before = stage.heard.get(channel)?.at(-1);
  return until(() => stage.heard.get(channel)?.findLast((text) => text !== before && like.test(text)), {
    timeoutMs: SLOW_MS,
    what: `a message on ${channel}`,
  });
};
