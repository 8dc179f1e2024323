// Parses what a scenario's JSON says of balancers' CPU, Redis and clients.

import { SECOND } from '../../clock.js';
import {
  type BalancerCost,
  CLIENT_RATES,
  CLIENT_WAYS,
  type ClientRules,
  type ClientWay,
  type RedisCost,
  type ScalingRules,
} from './balancer-cost.js';
import type { JsonFields } from './json-fields.js';
import { MAX_HOSTS } from './scenario-file-events.js';

const MAX_MICROS = 1e6;
const MAX_CLIENTS = 1_000_000;

/** Reads `balancerCost`. */
export function readBalancerCost(fields: JsonFields): BalancerCost {
  const micros = (name: string): number => fields.number(name, 0, 0, MAX_MICROS);
  const UNLIMITED = -1;
  const queue = fields.has('queue') ? fields.integer('queue', null, 1, 1e9) : UNLIMITED;
  return {
    cores: fields.number('cores', 1, 0.001, 64),
    periodMs: fields.time('period', 0, 0),
    requestMicros: fields.number('request', null, 0.001, MAX_MICROS),
    afterShare: fields.number('afterShare', 0.45, 0, 1),
    coldMicros: micros('cold'),
    coolMs: fields.time('cool', 0, 0),
    connectMicros: micros('connect'),
    connectionLimit: Number.POSITIVE_INFINITY,
    queueLimit: queue === UNLIMITED ? Number.POSITIVE_INFINITY : queue,
    idleCores: fields.number('idle', 0, 0, 1),
    masterIdleCores: fields.number('masterIdle', 0, 0, 1),
    wakeMicros: micros('wake'),
    loadMicros: micros('load'),
    tableMicros: micros('table'),
    rowMicros: micros('row'),
    masterLoadMicros: micros('masterLoad'),
    masterHostMicros: micros('masterHost'),
    masterTableMicros: micros('masterTable'),
    reportMicros: micros('report'),
    standsFor: 1,
  };
}

/** Reads `redisCost`. */
export function readRedisCost(fields: JsonFields): RedisCost {
  return {
    wakeMicros: fields.number('wake', 0, 0, MAX_MICROS),
    publishMicros: fields.number('publish', 0, 0, MAX_MICROS),
    receiverMicros: fields.number('receiver', 0, 0, MAX_MICROS),
    rowMicros: fields.number('row', 0, 0, MAX_MICROS),
  };
}

/** Reads `clients`. */
export function readClients(fields: JsonFields): ClientRules {
  const rates = fields.choice('rates', 'equal', CLIENT_RATES);
  return {
    count: fields.integer('count', 1000, 1, MAX_CLIENTS),
    by: fields.choice('by', 'even', CLIENT_WAYS),
    rates,
    skew: fields.number('skew', 1, 0, 3),
    ttlMs: fields.time('ttl', 60 * SECOND, 1),
    checkMs: fields.time('check', 2 * SECOND, 1),
    connectionMs: fields.time('connection', 60 * SECOND, 1),
    isConsistent: fields.choice('hash', 'modulo', ['modulo', 'consistent'] as const) === 'consistent',
  };
}

/** Reads `scaling`. */
export function readScaling(fields: JsonFields): ScalingRules {
  const oneOf = <Choice extends string>(name: string, fallback: readonly Choice[], choices: readonly Choice[]): Choice[] =>
    fields
      .list(name, fallback, true)
      .map((value) => choices.find((each) => each === value) ?? fields.refuse(name, `a list of ${choices.join(', ')}`));
  return {
    hosts: fields
      .list('hosts', [100, 1000])
      .map((value) =>
        Number.isInteger(value) && (value as number) >= 4 && (value as number) <= MAX_HOSTS
          ? (value as number)
          : fields.refuse('hosts', `a list of whole numbers from 4 to ${MAX_HOSTS}`),
      ),
    cpu: oneOf('cpu', ['whole', 'total'], ['whole', 'total'] as const),
    ways: oneOf<ClientWay>('clients', [], CLIENT_WAYS),
  };
}
