// Debian's Prometheus and promtool for tests: the shipped rules as data, rule tests, a server of one's own on a free port with
// its own folder. What is missing is said and skipped, but not in CI.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { type RunningProcess, until, withProcess, withTempDir } from './brackets.js';
import { ROOT } from './documents.js';
import { ask } from './http-client.js';
import { ended } from './meercat.js';
import { freePort } from './places.js';
import { findTool } from './tools.js';

/** promtool; null where there is none. */
export const PROMTOOL = findTool('promtool', 'prometheus');

/** prometheus; null where there is none. */
export const PROMETHEUS = findTool('prometheus', 'prometheus');

/** The shipped rules. */
export const RULES_FILE = join(ROOT, 'deploy/prometheus/meercat.rules.yml');

/** An alert of the shipped rules. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Rules as Prometheus reads them. */
export interface RuleGroups {
  readonly groups: readonly { readonly name: string; readonly rules: readonly AlertRule[] }[];
}

/** Reads the shipped rules. */
export const readRules = (): RuleGroups => parse(readFileSync(RULES_FILE, 'utf8')) as RuleGroups;

/** Every alert of the shipped rules. */
export const readAlerts = (): AlertRule[] => readRules().groups.flatMap(({ rules }) => rules);

/** What promtool says, and how it ends; `files` are written into the folder that it runs in. */
export function runPromtool(
  args: readonly string[],
  files: Readonly<Record<string, string>>,
): Promise<{ readonly code: number | null; readonly output: string }> {
  return withTempDir((dir) => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
    return withProcess({ command: PROMTOOL as string, args, cwd: dir }, async (child) => {
      const { code } = await ended(child, 60_000);
      return { code, output: child.lines.join('\n') };
    });
  });
}

/** What `promtool check metrics` says of a text; '' for nothing. It reads standard input alone. */
export function lintMetrics(text: string): Promise<string> {
  return withTempDir((dir) => {
    writeFileSync(join(dir, 'metrics.txt'), text);
    const args = ['-c', '"$0" check metrics < metrics.txt', PROMTOOL as string];
    return withProcess({ command: 'sh', args, cwd: dir }, async (child) => {
      const { code } = await ended(child, 60_000);
      return code === 0 ? child.lines.join('\n') : `${child.lines.join('\n')} (${code})`;
    });
  });
}

/** How many series the strict parser of Prometheus finds in a text of OpenMetrics. Throws what it says of a wrong one. */
export async function countOpenMetrics(text: string): Promise<number> {
  // The command imports samples, and so asks for a time on each.
  const stamped = text.replaceAll(/^[^#].*$/gm, '$& 1700000000');
  const { code, output } = await runPromtool(['tsdb', 'create-blocks-from', 'openmetrics', 'in.txt', 'data'], { 'in.txt': stamped });
  if (code !== 0) throw new Error(output);
  const [, row = ''] = output.trim().split('\n').slice(-2);
  return Number(row.trim().split(/\s{2,}/)[6]);
}

/** An alert that fires. */
export interface FiringAlert {
  readonly state: 'pending' | 'firing';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A running Prometheus. */
export interface TestPrometheus {
  readonly port: number;
  readonly server: RunningProcess;
  /** The values of an expression now, by their labels. */
  query(expr: string): Promise<{ readonly metric: Readonly<Record<string, string>>; readonly value: number }[]>;
  alerts(): Promise<FiringAlert[]>;
}

/** Starts a Prometheus with this configuration and these files beside it, and ends it. It looks for alerts and targets every second. */
export function withPrometheus<T>(
  config: Readonly<Record<string, unknown>>,
  files: Readonly<Record<string, string>>,
  fn: (prometheus: TestPrometheus) => Promise<T>,
): Promise<T> {
  return withTempDir(async (dir) => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
    // JSON is YAML.
    writeFileSync(join(dir, 'prometheus.yml'), JSON.stringify(config));
    const port = await freePort();
    const args = ['--config.file=prometheus.yml', '--storage.tsdb.path=data', `--web.listen-address=127.0.0.1:${port}`, '--log.level=warn'];
    return withProcess({ command: PROMETHEUS as string, args, cwd: dir }, async (server) => {
      const read = async (path: string): Promise<unknown> => {
        const { status, body } = await ask(port, { path });
        if (status !== 200) throw new Error(`${path}: ${status} ${body}`);
        return (JSON.parse(body) as { data: unknown }).data;
      };
      await until(async () => (await ask(port, { path: '/-/ready' }).catch(() => ({ status: 0 }))).status === 200, {
        timeoutMs: 60_000,
        what: () => `Prometheus to be ready; it says:\n${server.lines.join('\n')}`,
      });
      return fn({
        port,
        server,
        async query(expr) {
          const data = (await read(`/api/v1/query?query=${encodeURIComponent(expr)}`)) as {
            result: { metric: Record<string, string>; value: [number, string] }[];
          };
          return data.result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }));
        },
        alerts: async () => ((await read('/api/v1/alerts')) as { alerts: FiringAlert[] }).alerts,
      });
    });
  });
}
