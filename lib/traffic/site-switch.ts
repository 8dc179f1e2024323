// Puts a site in force in the thread that serves: a context for each pool, and the compiled router, swapped by one
// reference between two requests. What a pool has learned outlives a change of its rules. A pool that the site no longer
// has serves the requests that it has, and is then given back to the fleet thread.

import { randomInt } from 'node:crypto';
import { type PoolRules, poolRulesOf } from '../config/pool-rules.js';
import type { TrafficConfig } from '../config/traffic-config.js';
import type { Deadlines } from '../deadlines.js';
import { classKeyOf } from '../host-id.js';
import type { Algorithm, Maintenance, Policy } from '../model.js';
import type { KeyDemand } from '../routing/limit-types.js';
import type { Random } from '../routing/random.js';
import { RequestClasses } from '../routing/request-classes.js';
import { RetryBudget } from '../routing/retry-budget.js';
import { compileRouter } from '../routing/router.js';
import { DEFAULT_POOL, type Site, type SitePool, type SiteRoute } from '../site-model.js';
import { firstClassOf, shareCellsOf, type TableColumns } from '../table/layout.js';
import type { NamedPool } from '../table/pool-indexes.js';
import { clearPoolTraffic } from '../table/traffic-cells.js';
import { TableReader } from '../table/reader.js';
import type { SlotHost } from '../table/slots.js';
import type { FromFleet } from '../thread-messages.js';
import type { Affinities } from './affinities.js';
import type { KnownHosts } from './host/known-hosts.js';
import type { ExchangeContext } from './request/exchange-context.js';
import type { CompiledSite } from './request/compiled-site.js';
import { PoolLimit } from './request/pool-limit.js';
import { compileActions } from './request/route-actions.js';
import { type PreparedAnswer, prepareFixed, prepareMaintenance, prepareOwnBodies } from './wire/prepared-answers.js';
import type { RateLimits } from './rate-limits.js';
import type { RouteLimit } from './request/route-limit.js';

/** What the contexts of all pools share. */
export type SharedContext = Omit<
  ExchangeContext,
  | 'name'
  | 'index'
  | 'classes'
  | 'view'
  | 'budget'
  | 'timeouts'
  | 'maxAttempts'
  | 'bodies'
  | 'respond'
  | 'policy'
  | 'affinity'
  | 'limit'
  | 'routing'
>;

/** What a switch is made of. */
export interface SiteSwitchOptions {
  readonly shared: SharedContext;
  readonly affinities: Affinities;
  readonly columns: TableColumns;
  readonly config: TrafficConfig & { readonly algorithm: Algorithm };
  readonly hosts: KnownHosts;
  readonly deadlines: Deadlines;
  readonly random: Random;
  readonly rates: RateLimits;
  /** Builds a policy; each pool has its own. */
  readonly policyOf: (algorithm: Algorithm) => Policy;
  /** Called once for each pool that the site no longer has, when none of its requests is left. */
  readonly onGone: (pools: readonly string[]) => void;
}

/** What the fleet thread says of limits. */
type LimitsMessage = Pick<Extract<FromFleet, { type: 'limits' }>, 'balancers' | 'isRedisAway' | 'fractions'>;

/** What of a pool outlives a change of its rules. */
interface Pool {
  readonly index: number;
  readonly classes: RequestClasses;
  readonly budget: RetryBudget;
  rules: PoolRules;
  context: ExchangeContext;
  /** Undefined: the site does not describe it. */
  site: SitePool | undefined;
}

/** The pools and routes in force in one balancer. */
export class SiteSwitch {
  readonly #options: SiteSwitchOptions;
  readonly #routing: { site: CompiledSite<ExchangeContext> | undefined } = { site: undefined };
  #pools = new Map<string, Pool>();
  /** Pools without a route, and the requests that they still have. */
  #leaving: Pool[] = [];
  /** The algorithm that an operator set for the whole fleet. */
  #fleetAlgorithm: Algorithm | null = null;
  /** The pools that an operator put into maintenance; some may not exist yet. */
  #maintenance: ReadonlyMap<string, Maintenance> = new Map();

  constructor(options: SiteSwitchOptions) {
    this.#options = options;
    this.#pools.set(DEFAULT_POOL, this.#build(DEFAULT_POOL, 0, undefined, undefined));
  }

  /** The context of the pool `default`, which every balancer has. */
  get defaultContext(): ExchangeContext {
    return (this.#pools.get(DEFAULT_POOL) as Pool).context;
  }

  /** The contexts of all pools in force, `default` first. */
  contexts(): readonly ExchangeContext[] {
    return [...this.#pools.values()].map(({ context }) => context);
  }

  /** The version of the site in force; 0 without one. */
  get version(): number {
    return this.#routing.site?.version ?? 0;
  }

  /** What decides whether this balancer is ready, over all pools that requests can reach. */
  standing(): { readonly hasCandidate: boolean; readonly isPanic: boolean; readonly hostsWell: number } {
    const { hosts } = this.#options;
    const { site } = this.#routing;
    const reached = new Set(site === undefined ? [this.defaultContext] : site.routes.flatMap(({ pools }) => pools));
    // Without any pool there is nothing to wait for: the site answers all requests itself.
    let hasCandidate = reached.size === 0;
    let isPanic = false;
    let hostsWell = 0;
    for (const { view, respond } of reached) {
      const list = view.candidates();
      hasCandidate ||=
        respond !== undefined || list.subarray(1, 1 + (list[0] as number)).some((slot) => hosts.get(slot)?.isRemoved === false);
      isPanic ||= view.isPanic;
      hostsWell += view.wellCount;
    }
    return { hasCandidate, isPanic, hostsWell };
  }

  /** The classes of requests that have an id, by the names that they have in the fleet. */
  namedClasses(): (readonly [id: number, key: string])[] {
    return [...this.#pools].flatMap(([pool, { classes }]) => classes.named().map(([id, name]) => [id, classKeyOf(pool, name)] as const));
  }

  /** Recomputes the classes of all pools; call about once a second. Returns the ids that were given or taken back since. */
  turnClasses(nowMs: number): (readonly [id: number, key: string | null])[] {
    return [...this.#pools].flatMap(([pool, { classes }]) =>
      classes.turn(nowMs).map(({ id, name }) => [id, name === null ? null : classKeyOf(pool, name)] as const),
    );
  }

  /** Puts a site in force; null: none, so that all requests belong to `default`. */
  apply(version: number, site: Site | null, indexes: readonly NamedPool[]): void {
    const sitePools = new Map(site?.pools.map((pool) => [pool.name, pool]));
    const before = this.#pools;
    const names = new Set([DEFAULT_POOL, ...sitePools.keys()]);
    this.#options.affinities.follow(site?.pools ?? []);
    this.#pools = new Map();
    const rules: PoolRules[] = [];
    for (const [name, index] of indexes) {
      if (!names.has(name)) continue;
      const pool = this.#build(name, index, sitePools.get(name), before.get(name));
      rules[index] = pool.rules;
      this.#pools.set(name, pool);
    }
    this.#options.hosts.setRules(rules);
    this.#leaving.push(...[...before].flatMap(([name, pool]) => (this.#pools.has(name) ? [] : pool)));
    const limits = this.#options.rates.setSite(site);
    this.#routing.site = site === null ? undefined : this.#compile(version, site, limits);
    this.releaseGone();
  }

  /** Takes what the fleet thread knows of limits. Shares may have grown: requests that wait get their places. */
  takeLimits({ balancers, isRedisAway, fractions }: LimitsMessage): void {
    const { rates, shared } = this.#options;
    const nowMs = shared.clock();
    rates.take(balancers, isRedisAway, fractions, nowMs);
    for (const { context } of this.#pools.values()) context.limit?.letIn(nowMs);
  }

  /** What was seen of the busy keys of rate limits since the last call. */
  busyKeys(): readonly KeyDemand[] {
    return this.#options.rates.report(this.#options.shared.clock());
  }

  /** Gives back the pools that have no requests any more; call about once a second. */
  releaseGone(): void {
    const { columns } = this.#options;
    const gone = this.#leaving.filter(({ context }) => columns.openRequests[context.index] === 0);
    if (gone.length === 0) return;
    this.#leaving = this.#leaving.filter((pool) => !gone.includes(pool));
    for (const { context } of gone) context.view.retire();
    const names = gone.map(({ context }) => context.name).filter((name) => !this.#pools.has(name));
    if (names.length > 0) this.#options.onGone(names);
  }

  /** Sets the algorithm of the whole fleet, which wins over the site and the flags; null: none. True if it differs from before. */
  setFleetAlgorithm(algorithm: Algorithm | null): boolean {
    if (algorithm === this.#fleetAlgorithm) return false;
    this.#fleetAlgorithm = algorithm;
    for (const { context, rules } of this.#pools.values()) {
      const next = this.#algorithmOf(rules);
      if (next !== context.policy.algorithm) context.policy = this.#options.policyOf(next);
    }
    return true;
  }

  /** Sets which pools are in maintenance, which wins over the site. */
  setMaintenance(maintenance: ReadonlyMap<string, Maintenance>): void {
    this.#maintenance = maintenance;
    for (const [name, { context, site }] of this.#pools) context.respond = this.#respondOf(name, site);
  }

  #respondOf(name: string, site: SitePool | undefined): PreparedAnswer | undefined {
    const maintenance = this.#maintenance.get(name);
    if (maintenance !== undefined) return prepareMaintenance(maintenance, site?.answers ?? {});
    return site === undefined || site.respond === null ? undefined : prepareFixed(site.respond);
  }

  /**
   * Sets what sticky cookies are signed with, the one in use first; empty: none are set or honoured. Keys of rate limits are
   * hashed with it.
   */
  setSecrets(secrets: readonly Buffer[]): void {
    const { affinities, rates } = this.#options;
    affinities.setSecrets(secrets);
    rates.setSecret(secrets[0]);
    for (const [name, { context }] of this.#pools) context.affinity = affinities.of(name);
  }

  /** A host is known, and not yet a candidate. */
  hostCame(host: SlotHost): void {
    this.#options.affinities.hostCame(host);
  }

  /** A host has left the table. */
  hostWent(host: SlotHost): void {
    this.#options.affinities.hostWent(host);
  }

  #algorithmOf(rules: PoolRules): Algorithm {
    return this.#fleetAlgorithm ?? rules.algorithm ?? this.#options.config.algorithm;
  }

  #build(name: string, index: number, sitePool: SitePool | undefined, before: Pool | undefined): Pool {
    const { shared, affinities, columns, config, policyOf } = this.#options;
    const rules = poolRulesOf(sitePool, config);
    const known = before?.index === index ? before : undefined;
    const classes = known?.classes ?? new RequestClasses(randomInt(2 ** 31), firstClassOf(index));
    const isSameBudget = known?.rules.retryBudgetPercent === rules.retryBudgetPercent;
    const budget = known !== undefined && isSameBudget ? known.budget : new RetryBudget(rules.retryBudgetPercent);
    const algorithm = this.#algorithmOf(rules);
    const changing = {
      view: new TableReader(columns, rules.slowStartMs, rules.hostMaxInflight, index),
      budget,
      timeouts: rules,
      maxAttempts: rules.maxAttempts,
      bodies: prepareOwnBodies(sitePool?.answers ?? {}),
      respond: this.#respondOf(name, sitePool),
      policy: known?.context.policy.algorithm === algorithm ? known.context.policy : policyOf(algorithm),
      limit: this.#limitOf(index, sitePool, rules, known?.context.limit),
      affinity: affinities.of(name),
    };
    let context = known?.context;
    const limitBefore = context?.limit;
    // In place: requests of the pool go on with the new rules.
    if (context !== undefined)
      ({
        view: context.view,
        budget: context.budget,
        timeouts: context.timeouts,
        maxAttempts: context.maxAttempts,
        bodies: context.bodies,
        respond: context.respond,
        policy: context.policy,
        limit: context.limit,
        affinity: context.affinity,
      } = changing);
    else context = { ...shared, name, index, routing: this.#routing, classes, ...changing };
    if (changing.limit === undefined) limitBefore?.retire();
    // The index may have been another pool's.
    if (known === undefined) clearPoolTraffic(columns, index);
    return { index, classes, budget, rules, context, site: sitePool };
  }

  #limitOf(index: number, pool: SitePool | undefined, { hostQueue }: PoolRules, before: PoolLimit | undefined): PoolLimit | undefined {
    const { columns, deadlines } = this.#options;
    const limit = pool?.limits.fleet ?? null;
    if (limit === null) return undefined;
    if (before === undefined) return new PoolLimit(shareCellsOf(columns, index), limit, hostQueue, deadlines);
    before.change(limit, hostQueue);
    return before;
  }

  #compile(version: number, site: Site, limits: readonly (RouteLimit | undefined)[]): CompiledSite<ExchangeContext> {
    const actions = compileActions(site.routes, this.#options.random);
    return {
      version,
      site,
      router: compileRouter(site),
      routes: actions.map((action, i) => ({
        by: { version, index: i, line: (site.routes[i] as SiteRoute).line },
        action,
        limit: limits[i],
        pools: action.kind === 'forward' ? action.pools.map((pool) => (this.#pools.get(pool) as Pool).context) : [],
      })),
    };
  }
}
