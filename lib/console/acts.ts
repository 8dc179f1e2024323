// The console's hands: drain, undrain, eject, maintenance, algorithm, rolling restart. Each does what the command of its name
// does, by the same code, and its event says from where it was done. Invariant: nothing is written for a preview, nor for
// an act that is refused.

import { type ErrorCode, MeercatError } from '../errors.js';
import type { FleetSight } from '../fleet-sight.js';
import { reasonOf } from '../redis/connect.js';
import { WHOLE_FLEET } from '../redis/event-message.js';
import type { MessageSigner } from '../redis/sign.js';
import { type ActPreview, previewAct } from './act-preview.js';
import { type Act, type ActRequest, decodeAct } from './act-request.js';
import { describeMaintained, writePoolMaintenance } from './maintenance.js';
import { signerOf } from './operator-key.js';
import { describeAlgorithm, describeOperated, operateHost, type Operated, type OperatorAction, writeFleetAlgorithm } from './operator.js';
import { type FleetPage, type PageReply, type PageRequest, replyJson } from './page-request.js';
import { requestRestart } from './restart.js';

/** Where acts are asked for. */
export const ACT_PATH = '/.meercat/act';

/** How long `meercat up` may take to react to a restart: less than the server waits for a page. */
const REACT_TIMEOUT_MS = 4000;

/** What a pool answers whose maintenance began here. */
const MAINTENANCE = { status: 503, body: null, type: 'text/plain; charset=utf-8' } as const;

/** How long to wait until this balancer goes by what was done, so that the next act is judged by it. */
const APPLIED_TIMEOUT_MS = 1000;
const LOOK_EVERY_MS = 5;

/** The page of acts. Those on hosts are done one after the other: of two that take out the last two hosts the second is refused. */
export function actPage(sight: FleetSight, reactTimeoutMs: number = REACT_TIMEOUT_MS): FleetPage {
  let last = Promise.resolve();
  return {
    path: ACT_PATH,
    access: 'act',
    methods: ['POST'],
    async answer(request, reply) {
      const wanted = readAct(sight, request, reply);
      if (wanted === null) return;
      const answer = (): Promise<void> => answerAct(sight, reactTimeoutMs, wanted, request, reply);
      if (wanted.isPreview || !('host' in wanted.act)) return answer();
      const turn = last.then(answer);
      last = turn.catch(() => undefined);
      await turn;
    },
  };
}

/** What is asked for; null when that was answered already, since it can't be. */
function readAct(sight: FleetSight, request: PageRequest, reply: PageReply): ActRequest | null {
  // A form of another site can send text, but no JSON without asking first.
  if (!/^application\/json *(?:;|$)/i.test(request.contentType)) {
    replyJson(reply, 415, { error: 'MEERCAT_BAD_ACT', message: 'send "Content-Type: application/json"' });
    return null;
  }
  const decoded = decodeAct(request.body);
  if (typeof decoded === 'string') {
    replyJson(reply, 400, { error: 'MEERCAT_BAD_ACT', message: decoded });
    return null;
  }
  const refusal = refuseUnknown(sight, decoded.act);
  if (refusal === null) return decoded;
  replyJson(reply, 404, refusal);
  return null;
}

async function answerAct(
  sight: FleetSight,
  reactTimeoutMs: number,
  { act, isForced, isPreview }: ActRequest,
  request: PageRequest,
  reply: PageReply,
): Promise<void> {
  const preview = previewAct(sight, act);
  if (isPreview) replyJson(reply, 200, { ok: true, ...preview });
  else if (preview.needsForce && !isForced) replyJson(reply, 409, needsForce(preview));
  else await perform(sight, act, `console of ${sight.config.name} from ${request.remoteAddress}`, reactTimeoutMs, reply);
}

function needsForce({ text }: ActPreview): Readonly<Record<string, unknown>> {
  return { error: 'MEERCAT_LAST_HOST', message: text, needsForce: true };
}

/** Why there is nothing to act on; null when there is. What is set can be taken back, also of a host that is gone. */
function refuseUnknown(sight: FleetSight, act: Act): { readonly error: ErrorCode; readonly message: string } | null {
  switch (act.act) {
    case 'drain':
    case 'undrain':
    case 'eject': {
      if (sight.hosts().some(({ name }) => name === act.host)) return null;
      if (act.act === 'undrain' && sight.settings().operatorStates.has(act.host)) return null;
      return { error: 'MEERCAT_UNKNOWN_HOST', message: `the fleet knows no host ${act.host}` };
    }
    case 'maintenance': {
      if (sight.pools().some(([name]) => name === act.pool)) return null;
      if (!act.on && sight.settings().maintenance.has(act.pool)) return null;
      return { error: 'MEERCAT_UNKNOWN_POOL', message: `the fleet has no pool ${act.pool}` };
    }
    default:
      return null;
  }
}

async function perform(sight: FleetSight, act: Act, by: string, reactTimeoutMs: number, reply: PageReply): Promise<void> {
  try {
    const text = await done(sight, act, by, reactTimeoutMs);
    sight.log('info', 'done from the console', { ...act, by });
    replyJson(reply, 200, { ok: true, text });
  } catch (error) {
    if (error instanceof MeercatError) replyJson(reply, 409, { error: error.code, message: error.message });
    else replyJson(reply, 503, { error: 'MEERCAT_NO_REDIS', message: `Redis did not take it: ${reasonOf(error)}` });
  }
}

/** Does it, and says what was done. */
async function done(sight: FleetSight, act: Act, by: string, reactTimeoutMs: number): Promise<string> {
  const { client, keys, ring, config } = sight;
  if (client.status !== 'ready') throw new Error('it is away');
  const signer = await signerOf(client, keys, ring, config.name);
  switch (act.act) {
    case 'drain':
    case 'undrain':
    case 'eject':
      return describeOperated(await operateAndWait(sight, act.act, act.host, by, signer));
    case 'maintenance': {
      const change = { pool: act.pool, maintenance: act.on ? MAINTENANCE : null };
      return describeMaintained(await writePoolMaintenance(client, keys, change, by, signer));
    }
    case 'algorithm':
      await writeFleetAlgorithm(client, keys, act.algorithm, by, signer);
      return describeAlgorithm(act.algorithm);
    case 'restart':
      return restart(sight, () => requestRestart(client, keys, by, signer), reactTimeoutMs);
  }
}

/** Sets or takes back the operators' word on a host; resolves when this balancer goes by it, or does not in time. */
async function operateAndWait(
  sight: FleetSight,
  action: OperatorAction,
  host: string,
  by: string,
  signer: MessageSigner | undefined,
): Promise<Operated> {
  const operated = await operateHost(sight.client, sight.keys, { action, host }, by, signer);
  const untilMs = sight.clock() + APPLIED_TIMEOUT_MS;
  while ((sight.settings().operatorStates.get(host) ?? null) !== operated.operator && sight.clock() < untilMs)
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  return operated;
}

/** Asks for the restart, and waits until `meercat up` says that it begins, or why it does not. */
async function restart(sight: FleetSight, request: () => Promise<void>, reactTimeoutMs: number): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  let forget: () => void = () => undefined;
  const reaction = new Promise<string | null>((resolve) => {
    forget = sight.onEvent(({ kind, name, detail = '' }) => {
      if (kind === 'restart-began') resolve(`meercat up restarts the balancers one after the other${detail === '' ? '' : `: ${detail}`}`);
      if (kind === 'restart-failed' && name === WHOLE_FLEET) resolve(`not restarted: ${detail}`);
    });
    timer = setTimeout(() => resolve(null), reactTimeoutMs);
  });
  try {
    await request();
    const text = await reaction;
    if (text === null)
      throw new MeercatError(
        'MEERCAT_RESTART_FAILED',
        `no meercat up has reacted within ${reactTimeoutMs / 1000} s: it alone can restart what it started; see meercat restart --help`,
      );
    if (text.startsWith('not restarted')) throw new MeercatError('MEERCAT_RESTART_FAILED', text);
    return text;
  } finally {
    clearTimeout(timer);
    forget();
  }
}
