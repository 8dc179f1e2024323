// h2load as the generator of load over HTTP/2: faster than ours, so that the proxy is the bottleneck. It checks statuses,
// and here the number of bytes of all bodies: an error of gRPC has status 200 and no message.

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MeercatError } from '../errors.js';
import { createRunFolder } from '../run-folder.js';
import { STREAMS_PER_CONNECTION } from './context.js';
import type { Http2Request } from './http2-load.js';
import { pin, type StartOptions } from './processes.js';
import type { WrkRun } from './wrk.js';

/** Above a run's duration: to connect, and to finish. */
const END_TIMEOUT_MS = 30_000;

/** Runs h2load against a port of loopback with TLS. Rejects if its output can't be parsed. */
export function runH2load(
  h2load: string,
  port: number,
  request: Http2Request,
  connections: number,
  seconds: number,
  { core, shutdown }: StartOptions,
): Promise<WrkRun> {
  const { path: folder, remove } = createRunFolder('bench');
  shutdown.add(remove);
  const bodyFile = join(folder, 'body');
  if (request.body !== undefined) writeFileSync(bodyFile, request.body);
  const { ':path': path, ':method': _, ...headers } = request.headers;
  const duration = Math.max(1, Math.round(seconds));
  const [command = h2load, ...args] = [
    ...pin(core),
    h2load,
    ...['-t', '1', '-c', String(connections), '-m', String(STREAMS_PER_CONNECTION), '-D', String(duration)],
    ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${String(value)}`]),
    ...(request.body === undefined ? [] : ['-d', bodyFile]),
    `https://127.0.0.1:${port}${String(path)}`,
  ];
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { timeout: duration * 1000 + END_TIMEOUT_MS }, (error, stdout, stderr) => {
      const run = parseH2load(stdout, request.expected.length);
      if (run === null)
        reject(
          new MeercatError('MEERCAT_START_FAILED', `h2load printed nothing that is understood: ${stderr || error?.message || stdout}`),
        );
      else resolve(run);
    });
    shutdown.add(() => void child.kill());
  });
}

/** Parses h2load's output, where each right answer has a body of `bodyBytes`; null if that fails. */
export function parseH2load(text: string, bodyBytes: number): WrkRun | null {
  const [, took, unit = ''] = /finished in ([\d.]+)(us|ms|s|m)/.exec(text) ?? [];
  const [, done, succeeded, failed] = /requests: .* (\d+) done, (\d+) succeeded, (\d+) failed/.exec(text) ?? [];
  const [, bodies] = /traffic: .* \((\d+)\) data/.exec(text) ?? [];
  if (took === undefined || done === undefined || bodies === undefined) return null;
  const seconds = Number(took) * ({ us: 1e-6, ms: 0.001, s: 1, m: 60 }[unit] ?? Number.NaN);
  const withoutBody = Math.max(0, Number(succeeded) - Math.floor(Number(bodies) / bodyBytes));
  // Failed are other statuses, resets, lost connections and timeouts.
  return { requests: Number(done), wrong: Number(failed) + withoutBody, seconds };
}
