// The public API for programs: a balancer, an agent and a local fleet as functions, and their types.

export { type Agent, type AgentOptions, startAgent } from './agent/agent.js';
export { type Balancer, startBalancer } from './balancer.js';
export { type BalancerConfig, checkBalancerConfig, DEFAULTS, parseStaticHost } from './config/config.js';
export { type ErrorCode, MeercatError } from './errors.js';
export { createLog, type Log, type LogLevel } from './log.js';
export { type Algorithm, ALGORITHMS, type HostState, type Role, type StaticHost } from './model.js';
export { type FleetView, readFleet } from './redis/fleet-view.js';
