// One host as the traffic thread knows it: its address, idle connections, requests in flight, queue, and ejection state.
// KnownHosts does the accounting.

import type { Clock } from '../../clock.js';
import { messageOf } from '../../errors.js';
import { hostAddressOf } from '../../health/host-address.js';
import { type EjectionState, startEjection } from '../../routing/ejection.js';
import type { Count } from '../../table/counters.js';
import { type AddressEvents, HostAddresses, type Lookup } from '../../health/host-addresses.js';
import type { SlotHost } from '../../table/slots.js';
import type { PoolRules } from '../../config/pool-rules.js';
import type { HostTls } from '../../config/traffic-config.js';
import type { Deadlines } from '../../deadlines.js';
import type { ConnectOptions } from './connection-user.js';
import type { ConnectionOwner, HostConnection } from './host-connection.js';
import { HostQueue } from './host-queue.js';
import { Http2Connections } from './http2-connections.js';
import type { InFlight } from './in-flight.js';
import { type LoadState, startLoad } from './load-headers.js';

/** Dependencies and settings of a host. */
export interface HostOptions {
  readonly keepIdleMs: number;
  readonly maxHeadBytes: number;
  /** Maximum requests at once on one connection of HTTP/2. */
  readonly maxStreams: number;
  /** Whether its pool speaks HTTP/2 with hosts whose URLs do not say. */
  readonly isHttp2: boolean;
  readonly queueLength: number;
  readonly tls: HostTls;
  readonly connectTimeoutMs: number;
  readonly deadlines: Deadlines;
  readonly clock: Clock;
  readonly count: Count;
  /** Finds the addresses of its name, if it has one. */
  readonly lookup: Lookup;
  readonly addressEvents: AddressEvents;
}

/** One host that requests can be sent to. */
export class Host implements ConnectionOwner {
  readonly slot: number;
  readonly name: string;
  readonly target: URL;
  /** Its name and port, in the form of a Host header. */
  readonly authority: string;
  connect: ConnectOptions;
  /** The addresses that its name resolves to; undefined when it is known by an address. */
  readonly addresses: HostAddresses | undefined;
  readonly idle: HostConnection[] = [];
  /** Its connections of HTTP/2; undefined for a host of HTTP/1. */
  http2: Http2Connections | undefined;
  /**
   * Attempts in flight; each knows its index in the list. Not a Set: V8 chains the tables of a Set that grows and
   * shrinks, so every request would stay alive until the next full collection.
   */
  readonly attempts: InFlight[] = [];
  readonly queue: HostQueue;
  readonly ejection: EjectionState = startEjection();
  /** When it is probed next while it is ejected. */
  probeAtMs = 0;
  isProbing = false;
  /** State of the load reports in its answers. */
  readonly load: LoadState = startLoad();
  /** Maximum time that an idle connection is kept; the host may announce less for each. */
  readonly keepIdleMs: number;
  readonly maxHeadBytes: number;
  readonly maxStreams: number;
  /** Error of the last connection that could not be established. */
  lastError = '';
  /** True once the host left the table: it is released with its last request. */
  isRemoved = false;

  readonly deadlines: Deadlines;
  readonly clock: Clock;
  readonly count: Count;
  /** Whether its URL says that it speaks HTTP/2. */
  readonly #isHttp2: boolean;
  /** Connections are no longer kept. */
  #isClosed = false;

  constructor({ slot, name, url, authority }: SlotHost, options: HostOptions) {
    const { keepIdleMs, maxHeadBytes, maxStreams, queueLength, tls, connectTimeoutMs, deadlines, clock, count, lookup, addressEvents } =
      options;
    this.deadlines = deadlines;
    this.clock = clock;
    this.count = count;
    this.slot = slot;
    this.name = name;
    this.target = new URL(url);
    this.authority = authority ?? this.target.host;
    this.keepIdleMs = keepIdleMs;
    this.maxHeadBytes = maxHeadBytes;
    this.maxStreams = maxStreams;
    this.queue = new HostQueue(queueLength, deadlines);
    this.addresses = HostAddresses.of(this.target, lookup, clock, {
      onChange: (addresses) => {
        this.#retireOld();
        addressEvents.onChange(addresses);
      },
      onFailure: (error, isFirst) => {
        count('hosts_lookup_failed');
        addressEvents.onFailure(error, isFirst);
      },
    });
    const { host, port, servername, isTls, isHttp2 } = hostAddressOf(this.target, authority);
    this.#isHttp2 = isHttp2;
    this.connect = {
      host,
      port,
      addresses: this.addresses,
      connectTimeoutMs,
      tls: isTls ? { servername, ca: tls.ca, rejectUnauthorized: !tls.isInsecure } : undefined,
    };
    this.#speak(options.isHttp2);
  }

  /** Speaks the protocol of its URL, else that of its pool; requests that are under way end as they began. */
  #speak(isHttp2: boolean): void {
    const isWanted = this.#isHttp2 || isHttp2;
    if (isWanted === (this.http2 !== undefined)) return;
    this.closeIdle();
    this.http2 = isWanted ? new Http2Connections(this) : undefined;
  }

  onIdle(connection: HostConnection): void {
    if (this.#isClosed || this.http2 !== undefined || connection.keepIdleMs <= 0 || this.addresses?.isCurrent(connection.peer) === false) {
      connection.destroy();
      return;
    }
    connection.idleSinceMs = this.clock();
    connection.deadlineMs = connection.idleSinceMs + connection.keepIdleMs;
    this.idle.push(connection);
  }

  onClosed(connection: HostConnection): void {
    // Most closed connections were in use and are not in the list; the oldest idle ones are at its front.
    const at = this.idle.indexOf(connection);
    if (at >= 0) this.idle.splice(at, 1);
  }

  onExtraBytes(): void {
    this.count('hosts_extra_bytes');
  }

  onFault(): void {
    this.count('internal_errors');
  }

  onConnectError(error: Error): void {
    this.lastError = messageOf(error);
  }

  /** Takes the rules of its pool, which have changed; open connections are kept. */
  follow({ hostQueue, connectTimeoutMs, isHttp2 }: Pick<PoolRules, 'hostQueue' | 'connectTimeoutMs' | 'isHttp2'>): void {
    this.queue.length = hostQueue;
    if (this.connect.connectTimeoutMs !== connectTimeoutMs) this.connect = { ...this.connect, connectTimeoutMs };
    this.#speak(isHttp2);
  }

  /** Closes idle connections to addresses that the name no longer resolves to; those in use end with their request. */
  #retireOld(): void {
    this.http2?.retireOld();
    for (const connection of this.idle.filter(({ peer }) => this.addresses?.isCurrent(peer) === false)) connection.destroy();
  }

  /** Closes all idle connections; those of HTTP/2 that are in use take no more requests. */
  closeIdle(): void {
    this.http2?.retire();
    for (const connection of this.idle.splice(0)) connection.destroy();
  }

  /** Closes idle connections now, and the others with the request that they carry. */
  close(): void {
    this.#isClosed = true;
    this.closeIdle();
  }
}
