// The collection after the start: one per thread. A full collection stops the thread, also that of an application which
// starts and stops balancers by the library.

import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { releaseStartMemory } from '../lib/release-memory.js';
import { until } from './support/until.js';

const test = suite('release memory');

/** An entry of `gc`: the types of Node 20 leave `detail` out. */
type GcEntry = PerformanceEntry & { readonly detail: { readonly flags: number } };

test('several starts in one thread collect its garbage once', async () => {
  let forced = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries() as GcEntry[])
      if ((detail.flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) !== 0) forced++;
  });
  observer.observe({ entryTypes: ['gc'] });
  try {
    for (let i = 0; i < 3; i++) releaseStartMemory();
    await until(() => forced > 0, { what: 'a forced collection' });
    // All three timers would be due together.
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.is(forced, 1);
  } finally {
    observer.disconnect();
  }
});

test.run();
