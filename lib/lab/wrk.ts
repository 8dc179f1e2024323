// wrk as a load generator: faster than ours, so that the proxy is the bottleneck. It checks statuses but not bodies, which
// are checked beforehand.

import { spawn } from 'node:child_process';
import { MeercatError } from '../errors.js';
import { pin, type StartOptions } from './processes.js';

/** The result of one load on one proxy. */
export interface WrkRun {
  /** Requests answered, or messages echoed. */
  readonly requests: number;
  readonly wrong: number;
  readonly seconds: number;
}

/** Runs wrk on a loopback URL. Rejects if its output can't be parsed. */
export function runWrk(wrk: string, url: string, connections: number, seconds: number, { core, shutdown }: StartOptions): Promise<WrkRun> {
  return new Promise((resolve, reject) => {
    const [command = wrk, ...args] = [
      ...pin(core),
      wrk,
      '-t1',
      `-c${connections}`,
      `-d${Math.max(1, Math.round(seconds))}s`,
      '--timeout',
      '5s',
      url,
    ];
    // It exits by itself within seconds, even if this process ends first.
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
    shutdown.add(() => void child.kill());
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    child.once('error', reject);
    child.once('close', () => {
      const run = parseWrk(text);
      if (run === null) reject(new MeercatError('MEERCAT_START_FAILED', `wrk said nothing that is understood: ${text.slice(0, 200)}`));
      else resolve(run);
    });
  });
}

/** Parses wrk's output; null if that fails. */
export function parseWrk(text: string): WrkRun | null {
  const [, requests, took, unit = ''] = /(\d+) requests in ([\d.]+)(ms|s|m)/.exec(text) ?? [];
  if (requests === undefined) return null;
  const seconds = Number(took) * ({ ms: 0.001, s: 1, m: 60 }[unit] ?? Number.NaN);
  const [, ...errors] = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text) ?? [];
  const [, refused = '0'] = /Non-2xx or 3xx responses: (\d+)/.exec(text) ?? [];
  return { requests: Number(requests), wrong: errors.reduce((sum, count) => sum + Number(count), Number(refused)), seconds };
}
