// Parses a scenario's JSON: every field is validated and has a default, the value of the scenario `default`.

import { basename } from 'node:path';
import { SECOND } from '../../clock.js';
import { MeercatError, messageOf } from '../../errors.js';
import { fileReason } from '../../file-reason.js';
import { JsonFields } from './json-fields.js';
import { checkEvents, MAX_BALANCERS, MAX_CORES, MAX_HOSTS, readEvent } from './scenario-file-events.js';
import { readBalancerCost, readClients, readRedisCost, readScaling } from './scenario-file-fleet.js';
import { DEFAULT_POLICIES, POLICY_NAMES } from './policy-names.js';
import {
  hostCountOf,
  type HostGroup,
  type Messages,
  type Neighbours,
  type RequestClass,
  type Scenario,
  type Quantity,
  SPREADS,
  type SlowClients,
  type Streams,
} from './scenario.js';
import { DEFAULT_SCENARIO, SCENARIOS } from './scenarios.js';
import { readRegularFile } from '../../read-file.js';

const MAX_REQUESTS = 100_000_000;
/** One request a second and host of 1 ms on 10 cores. */
const MIN_LOAD = 0.0001;
const MAX_BYTES = 1e9;
const MAX_STREAMS = 1_000_000;
const NEVER = { never: Number.POSITIVE_INFINITY };

/** Loads the JSON of a built-in scenario by name, or of a file; also returns its name for errors. Throws MEERCAT_BAD_CONFIG. */
export function loadScenarioJson(nameOrFile: string): { readonly json: Readonly<Record<string, unknown>>; readonly where: string } {
  const shipped = SCENARIOS.find(({ name }) => name === nameOrFile);
  if (shipped !== undefined) return { json: shipped, where: nameOrFile };
  if (!/[./\\]/.test(nameOrFile))
    refuse(
      `scenario: one of ${SCENARIOS.map(({ name }) => name).join(', ')}, or a file such as ./mine.json, not ${JSON.stringify(nameOrFile)}`,
    );
  let json: unknown;
  try {
    json = JSON.parse(readRegularFile(nameOrFile).toString('utf8'));
  } catch (error) {
    refuse(`scenario ${nameOrFile}: ${error instanceof SyntaxError ? `no JSON (${messageOf(error)})` : fileReason(error)}`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    refuse(`scenario ${nameOrFile}: an object, such as meercat simulate --print gives`);
  return { json: json as Readonly<Record<string, unknown>>, where: basename(nameOrFile) };
}

/** Loads and validates a scenario by name or file. */
export function loadScenario(nameOrFile: string): Scenario {
  const { json, where } = loadScenarioJson(nameOrFile);
  return readScenario(json, where);
}

function refuse(message: string): never {
  throw new MeercatError('MEERCAT_BAD_CONFIG', message);
}

/** Validates a scenario; `where` names it in errors. */
export function readScenario(json: unknown, where: string): Scenario {
  const fields = new JsonFields(json, `scenario ${where}:`);
  const { hosts, requests, balancers, loads } = DEFAULT_SCENARIO;
  const scenario: Scenario = {
    name: fields.text('name', where),
    about: fields.text('about', 'a scenario from a file'),
    hosts: fields.objects('hosts', hosts, readHosts),
    neighbours: readNeighbours(fields),
    requests: fields.objects('requests', requests, readRequests),
    slowClients: fields.has('slowClients') ? fields.object('slowClients', readSlowClients) : null,
    balancers: readNumbers(fields, 'balancers', balancers, 1, MAX_BALANCERS, true),
    loads: readNumbers(fields, 'loads', loads, MIN_LOAD, 2, false),
    warmUpMs: fields.time('warmUp', 10 * SECOND, 0),
    durationMs: fields.time('duration', 60 * SECOND, 1),
    requestCount: fields.has('requestCount') ? fields.integer('requestCount', null, 1, MAX_REQUESTS) : null,
    exchangeMs: readExchange(fields),
    isCostKnown: fields.choice('costs', 'learned', ['learned', 'known'] as const) === 'known',
    reportMs: fields.time('reports', SECOND, 10, NEVER),
    messages: fields.object('messages', readMessages),
    deadlineMs: fields.time('deadline', Number.POSITIVE_INFINITY, 1, NEVER),
    probes: fields.number('probes', 3, 0.01, 16),
    hotQuantile: fields.number('hotQuantile', 0.84, 0, 1),
    events: fields.objects('events', [], readEvent, true),
    windowMs: fields.time('window', 0, 0),
    policies: fields.list('policies', DEFAULT_POLICIES).map((name) => {
      const policy = POLICY_NAMES.find((each) => each === name);
      return policy ?? fields.refuse('policies', `a list of ${POLICY_NAMES.join(', ')}`);
    }),
    balancerCost: fields.has('balancerCost') ? fields.object('balancerCost', readBalancerCost) : null,
    redisCost: fields.has('redisCost') ? fields.object('redisCost', readRedisCost) : null,
    clients: fields.object('clients', readClients),
    scaling: fields.has('scaling') ? fields.object('scaling', readScaling) : null,
  };
  fields.end();
  if (scenario.scaling !== null) {
    if (scenario.balancerCost === null || scenario.redisCost === null)
      fields.refuse('scaling', 'only together with "balancerCost" and "redisCost": without costs there is no limit to find');
    if (scenario.requestCount !== null || scenario.events.length > 0)
      fields.refuse('scaling', 'a duration, and neither "requestCount" nor "events"');
  }
  const count = hostCountOf(scenario);
  if (count > MAX_HOSTS) fields.refuse('hosts', `at most ${MAX_HOSTS} hosts in all`);
  if (!(scenario.requests.reduce((sum, { share }) => sum + share, 0) > 0)) fields.refuse('requests', 'at least one with a share above 0');
  if (scenario.requests.some(({ stream }) => stream !== null && stream.onHosts > count))
    fields.refuse('requests', `no streams may be on more than the ${count} hosts that there are`);
  checkEvents(scenario, fields);
  return scenario;
}

function readHosts(fields: JsonFields): HostGroup {
  const count = fields.integer('count', null, 1, MAX_HOSTS);
  const cores = fields.number('cores', 4, 0.1, MAX_CORES);
  return {
    count,
    cores,
    allocation: fields.number('allocation', cores, 0.1, cores),
    speed: fields.number('speed', 1, 0.001, 1000),
    memory: fields.number('memory', 0.4, 0, 1),
  };
}

function readNeighbours(fields: JsonFields): Neighbours | null {
  return fields.object('neighbours', (each: JsonFields) => {
    const share = each.number('share', 0, 0, 1);
    const [from, to] = each.list('cores', [1, 3]);
    if (typeof from !== 'number' || typeof to !== 'number' || !(from >= 0 && to >= from && to <= MAX_CORES))
      each.refuse('cores', 'from and to, such as [1, 3]');
    const everyMs = each.time('every', 8 * SECOND, 1);
    return share === 0 ? null : { share, cores: [from, to], everyMs };
  });
}

function readRequests(fields: JsonFields): RequestClass {
  return {
    request: fields.text('request', null),
    share: fields.number('share', 1, 0, 1e6),
    costMs: fields.time('cost', null, 1),
    spread: fields.choice('spread', 'fixed', SPREADS),
    sigma: fields.number('sigma', 1, 0, 3),
    wait: fields.has('wait') ? fields.object('wait', (wait) => readQuantity(wait, wait.time('mean', null, 1), 'exponential')) : null,
    body: fields.object('body', (body) => readQuantity(body, body.number('bytes', 1000, 0, MAX_BYTES), 'fixed')),
    stream: fields.has('stream') ? fields.object('stream', readStreams) : null,
  };
}

function readQuantity(fields: JsonFields, mean: number, spread: Quantity['spread']): Quantity {
  return { mean, spread: fields.choice('spread', spread, SPREADS), sigma: fields.number('sigma', 1, 0, 3) };
}

function readStreams(fields: JsonFields): Streams {
  return {
    meanMs: fields.time('mean', null, 1),
    atStart: fields.integer('atStart', 0, 0, MAX_STREAMS),
    onHosts: fields.integer('onHosts', 1, 1, MAX_HOSTS),
  };
}

function readSlowClients(fields: JsonFields): SlowClients {
  return {
    share: fields.number('share', null, 0, 1),
    bytesPerSecond: fields.number('bytesPerSecond', null, 1, MAX_BYTES),
  };
}

function readMessages(fields: JsonFields): Messages {
  return {
    delayMs: fields.time('delay', 1, 0),
    jitterMs: fields.time('jitter', 1, 0),
    loss: fields.number('loss', 0, 0, 1),
    tableDelayMs: fields.time('tableDelay', 0, 0),
  };
}

function readExchange(fields: JsonFields): number | null {
  const PRODUCT = -1;
  const exchangeMs = fields.time('exchange', PRODUCT, 1, { ...NEVER, product: PRODUCT });
  return exchangeMs === PRODUCT ? null : exchangeMs;
}

function readNumbers(fields: JsonFields, name: string, fallback: readonly number[], min: number, max: number, isWhole: boolean): number[] {
  return fields.list(name, fallback).map((value) => {
    if (typeof value !== 'number' || !(value >= min && value <= max) || (isWhole && !Number.isInteger(value))) {
      fields.refuse(name, `a list of ${isWhole ? 'whole numbers' : 'numbers'} from ${min} to ${max}`);
    }
    return value;
  });
}
