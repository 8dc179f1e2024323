// Whether a balancer of `meercat up` serves, as its health page says. It is asked by loopback, again and again,
// until it knows its hosts or the time is up.

import { request } from 'node:http';
import { CONSOLE_PORT_OFFSET, formatDuration } from '../config/config.js';
import { MeercatError } from '../errors.js';

/** How long a part of the fleet may take to come up. */
export const START_TIMEOUT_MS = 30_000;

/** Waits until the balancer on this port serves and knows this many hosts. Rejects with MEERCAT_START_FAILED after 30 s. */
export async function untilServing(port: number, hosts: number): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    // oxlint-disable-next-line no-await-in-loop -- asked again until it serves
    const known = await readHealth(port + CONSOLE_PORT_OFFSET);
    if (known >= hosts) return;
    // oxlint-disable-next-line no-await-in-loop -- the pause between two looks
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new MeercatError('MEERCAT_START_FAILED', `the balancer on port ${port} did not come up within ${formatDuration(START_TIMEOUT_MS)}`);
}

/** How many hosts a balancer knows; -1 while it does not serve. */
function readHealth(port: number): Promise<number> {
  return new Promise((resolve) => {
    const asked = request({ port, host: '127.0.0.1', path: '/.meercat/health', timeout: 1000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve(hostsIn(text)));
      response.on('error', () => resolve(-1));
    });
    asked.on('error', () => resolve(-1));
    asked.on('timeout', () => asked.destroy());
    asked.end();
  });
}

/** The hosts that a health page knows of; by its words, not its status: a balancer serves even when operators have drained every host. */
function hostsIn(text: string): number {
  try {
    const { status, hosts } = JSON.parse(text) as { status: string; hosts: number };
    return status === 'serving' ? hosts : -1;
  } catch {
    return -1;
  }
}
