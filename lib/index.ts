// What a program may import, as docs/library.md describes it. Invariant: to import it loads little.

export { DEFAULTS } from './config/config.js';
export { MeercatError } from './errors.js';
export {
  checkBalancerConfig,
  createLogFor as createLog,
  readFleetOnce as readFleet,
  readHost as parseStaticHost,
  startAgentFromOptions as startAgent,
  startFromOptions as startBalancer,
} from './library.js';
export { ALGORITHMS } from './model.js';

/** The types of what is exported here, described where they are declared; `export type` loads nothing. */
export type { Agent } from './agent/agent.js';
export type { Balancer } from './balancer.js';
export type { BalancerConfig } from './config/config.js';
export type { AgentOptions, BalancerOptions, FleetOptions } from './config/options.js';
export type { AccessLogFormat, NamePolicy, StatusRange, Utf8Policy } from './config/traffic-config.js';
export type { ErrorCode } from './errors.js';
export type { Log, LogFields, LogLevel } from './log.js';
export type { Algorithm, GivenHost, HostState, OperatorState, Role } from './model.js';
export type { BalancerView, FleetView, HostRecord, PoolRecord } from './redis/fleet-view.js';
