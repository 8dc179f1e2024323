// A balancer in front of hosts that a test makes: static ones, no Redis.

import type { RequestListener } from 'node:http';
import type { BalancerConfig } from '../../lib/config/config.js';
import type { StaticHost } from '../../lib/model.js';
import { withServer } from './brackets.js';
import { type TestBalancer, withBalancer } from './fleet.js';
import { type RawConnection, type RawHost, withRawHost } from './raw-host.js';

/** A balancer with one host that speaks HTTP, and others before it if there are any. */
export function withProxy<T>(
  handler: RequestListener,
  fn: (each: TestBalancer) => T | Promise<T>,
  overrides: Partial<BalancerConfig> = {},
  others: readonly StaticHost[] = [],
): Promise<T> {
  return withServer(handler, ({ url }) => withBalancer({ statics: [...others, { name: 'host', url }], ...overrides }, fn));
}

/** A balancer with one raw host. */
export function withRawProxy<T>(
  onData: (connection: RawConnection) => void,
  fn: (each: TestBalancer, host: RawHost) => T | Promise<T>,
  overrides: Partial<BalancerConfig> = {},
): Promise<T> {
  return withRawHost(onData, (host) => withBalancer({ statics: [{ name: 'raw', url: host.url }], ...overrides }, (each) => fn(each, host)));
}

/** Whether the head of a request has come in full. */
export const hasHead = ({ text }: RawConnection): boolean => text.includes('\r\n\r\n');

/** A raw host's way to answer every request with these bytes, and then perhaps to close. */
export function answerWith(bytes: string, isClosing = false): (connection: RawConnection) => void {
  return (connection) => {
    if (!hasHead(connection)) return;
    connection.socket.write(bytes, 'latin1');
    if (isClosing) connection.socket.end();
  };
}
