// What all attempts of a balancer share: the hosts, the clock, the limits of time, and whom to tell. One object for the
// life of the process.

import type { Clock } from '../../clock.js';
import type { TrafficTimeouts } from '../../config/traffic-config.js';
import type { Count } from '../../table/counters.js';
import type { HostPool } from '../host/host-pool.js';
import type { LoadHeaders } from '../host/load-headers.js';
import type { Tunnel } from './tunnel.js';

/** What all attempts of a balancer share. */
export interface AttemptContext {
  readonly pool: HostPool;
  readonly clock: Clock;
  readonly count: Count;
  readonly timeouts: Pick<TrafficTimeouts, 'connectTimeoutMs' | 'responseTimeoutMs' | 'tunnelTimeoutMs'>;
  /** Our name in Via. */
  readonly pseudonym: string;
  /** Takes what hosts say of themselves in their answers. */
  readonly loads: LoadHeaders;
  /** The tunnels that are open, to be told when the balancer stops. */
  readonly tunnels: Set<Tunnel>;
}
