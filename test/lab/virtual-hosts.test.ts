// The simulated hosts of benchmarks, as a process: what a request costs them is what a simulation of the same turn assumes.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startRole } from '../../lib/lab/processes.js';
import { workOf } from '../../lib/lab/scenario.js';
import { createShutdown } from '../../lib/shutdown.js';

const test = suite('virtual hosts');

const [SEED, SLOW] = [7, 40];

/** The median time that requests with these numbers spend in a host, by its own clock. */
async function medianTookMs(ids: readonly number[], sigma: number | undefined): Promise<number> {
  const shutdown = createShutdown(() => undefined);
  try {
    const { child, ready } = await startRole('virtual-hosts', ['1'], { core: null, shutdown });
    const [port] = ready.ports as number[];
    const begun = child.next('begun', 20_000);
    const seen = child.next('seen', 30_000);
    child.send({ type: 'begin', seed: SEED, slow: SLOW, warmUpMs: 0, measuredMs: 3000, ...(sigma !== undefined && { sigma }) });
    await begun;
    // A timer later: what is counted begins with the first one.
    await new Promise((resolve) => {
      setTimeout(resolve, 200);
    });
    await Promise.all(
      ids.map(async (id) => (await fetch(`http://127.0.0.1:${port}/small`, { headers: { 'x-request': String(id) } })).text()),
    );
    const { tookMs } = (await seen) as unknown as { readonly tookMs: { readonly p50: number } };
    return tookMs.p50;
  } finally {
    await shutdown.run();
  }
}

test('a request takes the work that is drawn for its number, and that of its class without scatter', async () => {
  const ids = [7, 9, 11];
  const medianOf = (sigma: number): number =>
    SLOW * (ids.map((index) => workOf(0, { index, seed: SEED, sigma })).toSorted((one, other) => one - other)[1] as number);
  const [scattered, exact] = [await medianTookMs(ids, 0.5), await medianTookMs(ids, undefined)];
  assert.ok(Math.abs(medianOf(0.5) - medianOf(0)) > 20, 'the draws of these requests differ from that of their class');
  assert.ok(Math.abs(scattered - medianOf(0.5)) < 10, `${scattered} instead of ${medianOf(0.5)} ms`);
  assert.ok(Math.abs(exact - medianOf(0)) < 10, `${exact} instead of ${medianOf(0)} ms`);
});

test.run();
