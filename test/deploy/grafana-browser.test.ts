// The shipped Grafana dashboard against a real fleet: each expression of its panels is opened on the graph page of Debian's
// Prometheus, in a browser, and has data there. Grafana itself is not in Debian.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../support/brackets.js';
import { type BrowserPage, withBrowser } from '../support/browser.js';
import { freePortsInRow, withFleet } from '../support/fleet-process.js';
import { expressionsOf, type PanelExpression, readDashboard } from '../support/grafana-dashboard.js';
import { PROMETHEUS, withPrometheus } from '../support/prometheus.js';

const test = suite('grafana dashboard in a browser');

const PATIENCE_MS = 90_000;
const BALANCERS = 2;

/** More graphs on one page take a browser longer than they take to become old. */
const GRAPHS_PER_PAGE = 8;

/** Panels of what this fleet does not have: it serves without TLS. */
const EMPTY: ReadonlySet<string> = new Set(['Certificates expire in A']);

/** Requests from several clients until it is stopped: some cost more, and all balancers get some. */
async function withLoad<T>(ports: readonly number[], fn: () => Promise<T>): Promise<T> {
  const over = new AbortController();
  const client = async (port: number): Promise<void> => {
    while (!over.signal.aborted)
      // oxlint-disable-next-line no-await-in-loop -- one request after the other
      for (const path of ['/work?ms=2', '/work/search?ms=5', '/'])
        await fetch(`http://127.0.0.1:${port}${path}`).then(
          (answer) => answer.arrayBuffer(),
          () => undefined,
        );
  };
  const clients = ports.flatMap((port) => [client(port), client(port)]);
  try {
    return await fn();
  } finally {
    over.abort();
    await Promise.all(clients);
  }
}

/** What the graph page shows of each expression: how many lines it draws, or what it complains of. */
async function graphsOf(page: BrowserPage, port: number, expressions: readonly PanelExpression[]): Promise<string[]> {
  const query = expressions.map(({ expr }, index) => `g${index}.expr=${encodeURIComponent(expr)}&g${index}.tab=0&g${index}.range_input=1m`);
  await page.goTo(`http://127.0.0.1:${port}/graph?${query.join('&')}`);
  const states = (): Promise<string[]> =>
    page.evaluate(`[...document.querySelectorAll('.graph_wrapper')].map((graph) =>
      graph.querySelector('.error').textContent ||
      (graph.querySelectorAll('.legend .line').length > 0 && graph.querySelector('svg path') !== null ? 'drawn' : ''))`);
  return until(
    async () => {
      const all = await states();
      return all.length === expressions.length && all.every((state) => state !== '') && all;
    },
    { timeoutMs: PATIENCE_MS, what: 'all graphs to be answered' },
  );
}

test('every panel has data from a real fleet under load', async () => {
  if (PROMETHEUS === null) return;
  const port = await freePortsInRow(BALANCERS);
  const ports = Array.from({ length: BALANCERS }, (_, index) => port + index);
  await withFleet(['--balancers', String(BALANCERS), '--hosts', '2', '--port', String(port)], async (fleet) => {
    await fleet.ready();
    const targets = ports.map((each) => `127.0.0.1:${each + 1000}`);
    const config = {
      global: { scrape_interval: '1s' },
      scrape_configs: [{ job_name: 'meercat', static_configs: [{ targets, labels: { namespace: 'test' } }] }],
    };
    await withPrometheus(config, {}, (prometheus) =>
      withLoad(ports, async () => {
        const expressions = expressionsOf(readDashboard()).filter(({ panel }) => !EMPTY.has(panel));
        assert.ok(expressions.length > 10);
        await until(async () => (await prometheus.query('rate(meercat_requests_total[10s]) > 0')).length >= BALANCERS, {
          timeoutMs: PATIENCE_MS,
          what: 'rates of both balancers',
        });
        await withBrowser(async (page) => {
          for (let start = 0; start < expressions.length; start += GRAPHS_PER_PAGE) {
            const some = expressions.slice(start, start + GRAPHS_PER_PAGE);
            let missing: string[] = [];
            // What counts over some seconds, such as a histogram, has no data at first.
            await until(
              async () => {
                const graphs = await graphsOf(page, prometheus.port, some);
                missing = some.flatMap(({ panel, expr }, index) =>
                  graphs[index] === 'drawn' ? [] : `${panel}: ${graphs[index]}: ${expr}`,
                );
                return missing.length === 0;
              },
              { timeoutMs: PATIENCE_MS, everyMs: 1000, what: () => `data in\n${missing.join('\n')}` },
            );
          }
        });
      }),
    );
  });
});

test.run();
