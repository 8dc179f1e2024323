// Networks that fail: between one balancer and Redis, and between balancers and a host. Each balancer has a link of its
// own to each of them.

import type { Random } from '../../routing/random.js';
import { SILENT, type LinkState } from '../tcp-link.js';
import { type ChaosBalancer, RESPONSE_TIMEOUT_MS } from './chaos-balancer.js';
import { type Fault, type Faults, pickOne, pickVictim } from './faults.js';
import { DRAINED_HOST, type Stage } from './stage.js';

interface Drawn {
  readonly state: Partial<LinkState>;
  readonly text: string;
}

/** A draw of a link's fault. */
type Draw = (random: Random) => Drawn;

/** Bytes each 20 ms: a whole table takes from a fifth of a lease to three of them. */
const MIN_DRIP_BYTES = 10;
const MAX_DRIP_BYTES = 100;

/** How long a host can't be reached: from less to more than it may owe an answer. */
const MIN_HOST_MS = 500;
const MAX_HOST_MS = 2 * RESPONSE_TIMEOUT_MS;

const STATES = {
  silent: () => ({ state: SILENT, text: 'silent' }),
  refused: () => ({ state: { isRefusing: true }, text: 'refusing' }),
  'loses replies': () => ({ state: { repliesArrive: false }, text: 'losing replies' }),
  'loses requests': () => ({ state: { commandsArrive: false }, text: 'losing what is sent' }),
  dripping: (random: Random) => {
    const dripBytes = MIN_DRIP_BYTES + random.below(MAX_DRIP_BYTES - MIN_DRIP_BYTES);
    return { state: { dripBytes }, text: `dripping, ${dripBytes} bytes at a time` };
  },
} satisfies Record<string, Draw>;

const far: Draw = (random) => {
  const delayMs = 300 + random.below(300);
  return { state: { delayMs }, text: `${delayMs} ms long each way` };
};
const unsteady: Draw = () => ({ state: { delayMs: 400, jitterMs: 800 }, text: 'delayed by 400 to 1200 ms each way' });

/** Quick enough for an answer within {@link RESPONSE_TIMEOUT_MS}, also for a new connection and a slow answer. */
const farHost: Draw = (random) => {
  const delayMs = 100 + random.below(300);
  return { state: { delayMs, jitterMs: 200 }, text: `delayed by ${delayMs} to ${delayMs + 200} ms each way` };
};

function redisLink(draw: Draw): Fault {
  return async (stage, random) => {
    const { victim, hit } = await pickVictim(stage, random);
    const { state, text } = draw(random);
    stage.history.note(`the link from ${victim.name} to Redis is ${text}`);
    await victim.redisLink.become(state);
    return { hit, heal: () => victim.redisLink.become({}) };
  };
}

/** The links from some balancers to one host that gets requests: from one of them, or from all. */
function drawHostLinks({ balancers, hosts }: Stage, random: Random) {
  const host = pickOne(
    hosts.filter(({ name }) => name !== DRAINED_HOST),
    random,
  );
  const one = pickOne(balancers, random);
  const some: readonly ChaosBalancer[] = random.below(2) === 0 ? balancers : [one];
  const links = some.flatMap((each) => each.hostLinks.get(host.port) ?? []);
  return { host, links, names: some.map(({ name }) => name), hit: some.length === 1 ? 'host of one' : 'host of all' };
}

function hostLink(draw: Draw, mayTimeOut: boolean): Fault {
  return async (stage, random) => {
    const { host, links, names, hit } = drawHostLinks(stage, random);
    const { state, text } = draw(random);
    const { history } = stage;
    history.note(`the link from ${names.join(', ')} to ${host.name} is ${text}`);
    const id = `the link to ${host.name} is ${text}`;
    const forbid = mayTimeOut ? history.allow(id, { balancers: names, problem: '504', minMs: RESPONSE_TIMEOUT_MS * 0.9 }) : () => undefined;
    /** What is cut may have been done by the host: it is not sent again if it must not be repeated. */
    const become = async (next: Partial<LinkState>): Promise<void> => {
      const forbidCut = history.allow(`${id}, cut`, { balancers: names, method: 'POST', problem: '502' });
      await Promise.all(links.map((link) => link.become(next)));
      forbidCut();
    };
    await become(state);
    return {
      hit,
      holdMs: MIN_HOST_MS + random.below(MAX_HOST_MS - MIN_HOST_MS),
      async heal() {
        await become({});
        forbid();
      },
    };
  };
}

/** Faults of links. */
export const LINK_FAULTS: Faults = {
  'redis link silent': redisLink(STATES.silent),
  'redis link refused': redisLink(STATES.refused),
  'redis link loses replies': redisLink(STATES['loses replies']),
  'redis link loses commands': redisLink(STATES['loses requests']),
  'redis link dripping': redisLink(STATES.dripping),
  'redis link far': redisLink(far),
  'redis link unsteady': redisLink(unsteady),
  'host link silent': hostLink(STATES.silent, true),
  'host link refused': hostLink(STATES.refused, false),
  'host link loses replies': hostLink(STATES['loses replies'], true),
  'host link loses requests': hostLink(STATES['loses requests'], true),
  'host link dripping': hostLink(STATES.dripping, false),
  'host link unsteady': hostLink(farHost, false),
};
