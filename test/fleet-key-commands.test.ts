// The fleet key by the command line, with real processes: keys are made and derived, `meercat up` runs a fleet that signs,
// commands work with an operator's key and are refused without one, and an agent takes no key but its own.

import { writeFile } from 'node:fs/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KeyRing } from '../lib/redis/fleet-key.js';
import type { FleetView } from '../lib/redis/fleet-view.js';
import { until, withTempDir } from './support/brackets.js';
import { SLOW_MS } from './support/fleet.js';
import { freePortsInRow, withFleet } from './support/fleet-process.js';
import { ask } from './support/http-client.js';
import { meercat } from './support/meercat.js';

const test = suite('fleet key commands');

/** What a command prints; it must end well. */
async function told(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await meercat(args);
  assert.is(code, 0, `meercat ${args.join(' ')}: ${stderr}`);
  return `${stdout}\n`;
}

async function refused(code: number, like: RegExp, ...args: string[]): Promise<void> {
  const outcome = await meercat(args);
  assert.is(outcome.code, code, args.join(' '));
  assert.match(outcome.stderr, like);
}

test('keys are made and derived, and each is refused where another belongs', () =>
  withTempDir(async (dir) => {
    const file = (name: string): string => `${dir}/${name}.key`;
    const put = async (name: string, ...args: string[]): Promise<string> => {
      const text = await told('fleet-key', ...args);
      await writeFile(file(name), text);
      return text;
    };
    assert.match(await put('fleet', 'new'), /^[0-9a-f]{64}\n$/);
    const id = (await told('fleet-key', 'id', '--fleet-key', file('fleet'))).trim();
    assert.match(await put('h1', 'agent', '--fleet-key', file('fleet'), '--host', 'h1'), new RegExp(`^agent:h1:${id}:[0-9a-f]{64}\n$`));
    assert.match(await put('operator', 'operator', '--fleet-key', file('fleet')), new RegExp(`^operator:${id}:[0-9a-f]{64}\n$`));
    for (const name of ['h1', 'operator']) assert.is((await told('fleet-key', 'id', '--fleet-key', file(name))).trim(), id);

    await refused(2, /none of new, agent, operator and id/, 'fleet-key', 'make');
    await refused(2, /--fleet-key FILE is needed/, 'fleet-key', 'agent', '--host', 'h1');
    await refused(2, /--host NAME is needed/, 'fleet-key', 'agent', '--fleet-key', file('fleet'));
    await refused(2, /--host: a host's name/, 'fleet-key', 'agent', '--fleet-key', file('fleet'), '--host', '-x');
    await refused(2, /--host goes with/, 'fleet-key', 'new', '--host', 'h1');
    await refused(2, /this is an operator's key/, 'balancer', '--fleet-key', file('operator'), '--port', '0');
    await refused(2, /this is an agent's key/, 'drain', 'h1', '--fleet-key', file('h1'), '--redis', 'redis://127.0.0.1:1');
    const agent = ['agent', '--url', 'http://127.0.0.1:3000', '--redis', 'redis://127.0.0.1:1'];
    await refused(2, /an agent must not have/, ...agent, '--agent-key', file('fleet'), '--name', 'h1');
    await refused(2, /the key is for the host h1, and this agent reports h2/, ...agent, '--agent-key', file('h1'), '--name', 'h2');
  }));

test('`meercat up` runs a fleet that signs: commands need a key, work with an operator’s, and the key changes meanwhile', () =>
  withTempDir(async (dir) => {
    const [fleetKey, operatorKey, next] = [`${dir}/fleet.key`, `${dir}/operator.key`, await told('fleet-key', 'new')];
    const key = await told('fleet-key', 'new');
    await writeFile(fleetKey, key);
    await writeFile(operatorKey, await told('fleet-key', 'operator', '--fleet-key', fleetKey));
    const port = await freePortsInRow(2);
    await withFleet(['--balancers', '2', '--hosts', '1', '--port', String(port), '--fleet-key', fleetKey], async (fleet) => {
      await fleet.ready();
      const redis = /redis:\/\/[\d.:]+/.exec(fleet.lines.join('\n'))?.[0] as string;
      const at = ['--redis', redis];
      const status = async (): Promise<FleetView> =>
        JSON.parse(await told('status', ...at, '--json', '--fleet-key', operatorKey)) as FleetView;
      const isUp = ({ hosts }: FleetView): boolean => hosts[0]?.hasAgent === true && hosts[0].cpu !== null;
      await until(async () => isUp(await status()), { timeoutMs: SLOW_MS, everyMs: 200, what: "the agent's figures" });

      await refused(1, /the fleet signs its messages .*MEERCAT_FLEET_KEY/, 'drain', 'h1', ...at);
      await refused(1, /the fleet signs its messages/, 'why', 'GET', '/', ...at);
      await refused(1, /the fleet signs its messages/, 'restart', ...at);
      await refused(1, /the fleet signs its messages/, 'algorithm', 'resource', ...at);
      await told('drain', 'h1', ...at, '--fleet-key', operatorKey);
      await until(async () => (await ask(port)).status === 503, { timeoutMs: SLOW_MS, what: 'h1 to be drained' });
      await told('undrain', 'h1', ...at, '--fleet-key', operatorKey);
      await until(async () => (await ask(port)).status === 200, { timeoutMs: SLOW_MS, what: 'h1 to be back' });
      await told('algorithm', 'least-request', ...at, '--fleet-key', operatorKey);
      await until(
        async () => (await told('why', 'GET', '/', ...at, '--json', '--fleet-key', operatorKey)).includes('"algorithm": "least-request"'),
        {
          timeoutMs: SLOW_MS,
          everyMs: 200,
          what: 'the algorithm',
        },
      );
      await told('algorithm', 'own', ...at, '--fleet-key', operatorKey);
      await told('restart', ...at, '--fleet-key', operatorKey);
      const { problems, term } = await status();
      assert.equal(problems, []);

      // Nobody is told: all parts look at the file.
      for (const text of [`${key}${next}`, `${next}${key}`, next]) {
        await writeFile(fleetKey, text);
        const ids = new KeyRing('', text).ids.join(',');
        await until(async () => (await status()).balancers.every((each) => each.fleetKey === ids), {
          timeoutMs: SLOW_MS,
          everyMs: 200,
          what: ids,
        });
      }
      await refused(1, /its key is [0-9a-f]{8}, and b1, b2 would drop/, 'drain', 'h1', ...at, '--fleet-key', operatorKey);
      const after = JSON.parse(await told('status', ...at, '--json')) as FleetView;
      assert.equal([after.term, after.problems], [term, []]);
      const taken = (view: FleetView): number => view.balancers.reduce((sum, { counters }) => sum + (counters['reports_taken'] ?? 0), 0);
      await until(async () => taken(JSON.parse(await told('status', ...at, '--json')) as FleetView) > taken(after) + 1, {
        timeoutMs: SLOW_MS,
        everyMs: 300,
        what: 'reports that are signed with a key of the new one',
      });
      assert.is((await ask(port)).status, 200);
    });
  }));

test.run();
