// What all attempts of a balancer share: the hosts, the clock, the timeouts, and the callbacks. One object for the life
// of the process.

import type { Clock } from '../../clock.js';
import type { TrafficTimeouts } from '../../config/traffic-config.js';
import type { Count } from '../../table/counters.js';
import type { KnownHosts } from '../host/known-hosts.js';
import type { LoadHeaders } from '../host/load-headers.js';
import type { Tunnel } from './tunnel.js';

/** What all attempts of a balancer share. */
export interface AttemptContext {
  readonly hosts: KnownHosts;
  readonly clock: Clock;
  readonly count: Count;
  readonly timeouts: Pick<TrafficTimeouts, 'connectTimeoutMs' | 'responseTimeoutMs' | 'tunnelTimeoutMs'>;
  /** Our name in Via. */
  readonly pseudonym: string;
  /** Reads the load reports in hosts' answers. */
  readonly loads: LoadHeaders;
  /** The open tunnels, which a drain closes. */
  readonly tunnels: Set<Tunnel>;
}
