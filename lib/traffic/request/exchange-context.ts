// What the exchanges of one pool share: the pool's part of the table, its rules, and the parts of the process. Types only.

import type { TrafficTimeouts } from '../../config/traffic-config.js';
import type { Policy } from '../../model.js';
import type { RequestClasses } from '../../routing/request-classes.js';
import type { RetryBudget } from '../../routing/retry-budget.js';
import type { TableColumns } from '../../table/layout.js';
import type { TableReader } from '../../table/reader.js';
import type { AccessLog } from '../log/access-log.js';
import type { ReasonLog } from '../log/reason-log.js';
import type { OwnSlowest } from '../log/own-slowest.js';
import type { OwnBodies, PreparedAnswer } from '../wire/prepared-answers.js';
import type { AttemptContext } from './attempt-context.js';
import type { CompiledSite } from './compiled-site.js';
import type { PickContext } from './pick.js';
import type { PoolAffinity } from './pool-affinity.js';
import type { PoolLimit } from './pool-limit.js';
import type { Tracer } from './tracer.js';

/** What all requests to one pool share; most of it is the same object for all pools of a balancer. */
export interface ExchangeContext extends AttemptContext, PickContext {
  /** The pool's name, its index, and its part of the table. A pool that the site no longer has stays while it has open requests. */
  readonly name: string;
  readonly index: number;
  view: TableReader;
  /** The site in force, the same for all pools; without one every request belongs to this pool. */
  readonly routing: { readonly site: CompiledSite<ExchangeContext> | undefined };
  readonly classes: RequestClasses;
  /** Where requests are counted, and the cost of each class stands. */
  readonly columns: TableColumns;
  budget: RetryBudget;
  /** Maximum attempts at a request, the first included. */
  maxAttempts: number;
  timeouts: Pick<TrafficTimeouts, 'connectTimeoutMs' | 'responseTimeoutMs' | 'tunnelTimeoutMs' | 'queueTimeoutMs'>;
  /** Whether the process is short of memory: new requests are refused. */
  readonly memory: { readonly isOver: boolean };
  readonly accessLog: AccessLog | undefined;
  /** Whether an address belongs to a trusted proxy in front (--trust). */
  readonly isTrusted: (address: string) => boolean;
  /** Where reasons are logged; undefined below the level `debug`. */
  readonly reasonLog: ReasonLog | undefined;
  /** Traces requests; undefined: spans are exported nowhere. */
  readonly tracer: Tracer | undefined;
  /** Whether answers say how long they took (--server-timing). */
  readonly isServerTimingSent: boolean;
  /** Collects the slowest requests. */
  readonly slowest: OwnSlowest;
  /** Bodies of our own answers, as the site says. */
  bodies: OwnBodies;
  /** Answers every request of the pool: maintenance; undefined: hosts do. */
  respond: PreparedAnswer | undefined;
  /** Replaced as a whole when the site or an operator sets another algorithm. */
  policy: Policy;
  /** The fleet's limit on requests in flight to the pool; undefined: none. */
  limit: PoolLimit | undefined;
  /** How requests of one client come to one host; undefined: they need not. */
  affinity: PoolAffinity | undefined;
}
