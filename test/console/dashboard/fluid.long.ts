// What the dashboard costs the reader's machine: script a second for a large fleet whose every figure changes each second.

import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { renderDelta } from '../../../lib/console/dashboard/delta.js';
import { until } from '../../support/brackets.js';
import { withBrowser } from '../../support/browser.js';
import { withDashboard } from '../../support/dashboard-server.js';
import { overviewOf } from '../../support/fleet-overviews.js';

const test = suite('dashboard, fluid');

/** The budget: ms of script for one second's delta. */
const MOST_SCRIPT_MS = 50;
const SECONDS = 10;

/** What matters here of a profile of the DevTools protocol. */
interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { readonly functionName: string } }[];
  readonly samples: readonly number[];
  /** µs since the sample before. */
  readonly timeDeltas: readonly number[];
}

/**
 * Time in script, with what it calls, such as the parser of HTML. Chromium's own count, ScriptDuration, leaves out what runs
 * when a promise settles, which is nearly all of the dashboard's module.
 */
function scriptMs({ nodes, samples, timeDeltas }: Profile): number {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, callFrame.functionName]));
  const isScript = (id: number): boolean => !['(root)', '(program)', '(idle)'].includes(names.get(id) ?? '');
  return samples.reduce((sum, id, index) => sum + (isScript(id) ? (timeDeltas[index] ?? 0) : 0), 0) / 1000;
}

for (const [hosts, balancers] of [
  [200, 8],
  [100, 8],
] as const) {
  test(`${hosts} hosts × ${balancers} balancers take less than ${MOST_SCRIPT_MS} ms of script a second`, () =>
    withBrowser((page) =>
      withDashboard(overviewOf({ hosts, balancers }), {}, async (stage) => {
        await page.look({ width: 1280, height: 800 });
        await page.goTo(stage.url);
        await until(() => page.evaluate('document.body.dataset.stream === "live"'), { what: 'the stream' });
        await page.send('Profiler.enable');
        await page.send('Profiler.start');
        const before = (await page.metrics()).get('TaskDuration') ?? 0;
        let bytes = 0;
        for (let second = 1; second <= SECONDS; second++) {
          const overview = overviewOf({ hosts, balancers, second: second * 5 });
          bytes += renderDelta(overviewOf({ hosts, balancers, second: second * 5 - 5 }), overview).length;
          stage.show(overview);
          // A pause between two deltas is what is measured here: a browser puts together what comes at once.
          await sleep(1000);
        }
        const taskMs = (((await page.metrics()).get('TaskDuration') ?? 0) - before) * 1000;
        const script = scriptMs((await page.send('Profiler.stop'))['profile'] as Profile) / SECONDS;
        const said = `${script.toFixed(1)} ms of script, ${(taskMs / SECONDS).toFixed(1)} ms of the page's thread with style, layout and paint, for each delta of ${Math.round(bytes / SECONDS / 1000)} kB`;
        process.stdout.write(`${said}\n`);
        assert.ok(script < MOST_SCRIPT_MS, said);
      }),
    ));
}

test.run();
